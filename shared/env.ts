import { type, type Type } from 'arktype';
import { Ulid, Uuid } from './model/primitives.ts';

/**
 * Every environment variable of every process: one table, from which entries read, the stacks set and the
 * documentation lists. An entry names what it needs and gets it parsed, or an error with every problem.
 */
const wholeNumber = (minimum: number, maximum: number) =>
  type('string.integer.parse').to(type.number.atLeast(minimum).atMost(maximum));

const text = type('1 <= string <= 4096');
const url = type('string.url');
const priceIds = type(/^\w+(,\w+)*$/);

type Variable<S extends Type> = {
  readonly schema: S;
  readonly about: string;
  readonly fallback?: string;
  readonly secret?: true;
};

const define = <S extends Type>(
  schema: S,
  about: string,
  options: { fallback?: string; secret?: true } = {},
): Variable<S> => ({ schema, about, ...options });

export const VARIABLES = {
  OUTPOST_ENV: define(
    type("'local' | 'dev' | 'staging' | 'prod'"),
    'The environment: it names every table, queue and bucket.',
  ),
  OUTPOST_QUEUE_BASE_URL: define(
    url,
    'What the queue names are appended to, for example https://sqs.eu-west-1.amazonaws.com/123456789012',
  ),
  OUTPOST_BUCKET_SUFFIX: define(type(/^[a-z0-9-]{1,32}$/), 'Makes bucket names unique across AWS accounts.'),
  OUTPOST_PEPPER: define(
    type('32 <= string <= 256'),
    'Key of the HMAC over API keys. Unset: read from Secrets Manager /outpost/{env}/pepper.',
    { secret: true },
  ),
  OUTPOST_AGENTS: define(
    type(/^[a-z][a-z0-9-]*(,[a-z][a-z0-9-]*)*$/),
    'The agents that jobs may name, comma-separated.',
    { fallback: 'claude,codex,gemini,grok,aider' },
  ),
  OUTPOST_LEASE_SECONDS: define(
    wholeNumber(10, 43200),
    'How long a worker holds a job without a heartbeat.',
    { fallback: '300' },
  ),
  OUTPOST_SWEEP_SECONDS: define(
    wholeNumber(1, 3600),
    'How often the sweeper looks, where no scheduler calls it.',
    { fallback: '10' },
  ),
  OUTPOST_RESEND_SECONDS: define(
    wholeNumber(1, 3600),
    'How long a pending job may be silent before its message is sent again.',
    { fallback: '60' },
  ),
  OUTPOST_BILLING_SECONDS: define(
    wholeNumber(1, 3600),
    'How often usage is reported and alerts are raised, where no scheduler calls it.',
    { fallback: '60' },
  ),
  OUTPOST_OUTPUT_CAP_BYTES: define(
    wholeNumber(1024, 10737418240),
    'Raw output kept of one attempt; beyond it the output is marked truncated.',
    { fallback: '67108864' },
  ),
  OUTPOST_AUDIT_RETENTION_DAYS: define(wholeNumber(1, 3650), 'How long audit entries are kept.', {
    fallback: '90',
  }),
  OUTPOST_DATA_DIR: define(text, 'Where one machine keeps everything.', { fallback: '.outpost' }),
  OUTPOST_WORKSPACES_DIR: define(text, 'Root of the tenants’ workspaces on a worker.'),
  OUTPOST_AGENTS_DIR: define(text, 'Where the agent CLIs are installed.'),
  OUTPOST_EXTRA_AGENTS_FILE: define(text, 'JSON file with further agent rows.'),
  OUTPOST_FALLBACK_MODEL_URL: define(
    url,
    'The scripted model, for tenants without a key. Set by `bun start` alone.',
  ),
  // Above what useradd and /etc/subuid hand out; start plus count stays below 2^31, as some tools need.
  OUTPOST_UID_START: define(wholeNumber(10_000, 2_100_000_000), 'First POSIX uid given to a tenant.', {
    fallback: '2000000000',
  }),
  OUTPOST_UID_COUNT: define(wholeNumber(1, 40_000_000), 'How many uids tenants may be given.', {
    fallback: '1000000',
  }),
  OUTPOST_WORKER_HEALTH_PORT: define(
    wholeNumber(0, 65535),
    'Port of the worker’s health endpoint; 0 is any.',
  ),
  OUTPOST_ISOLATION: define(
    type("'uid' | 'pid-namespace' | 'process'"),
    'Refuse to start below this isolation level.',
  ),
  OUTPOST_ONLY_TENANT: define(
    Uuid,
    'The one tenant that this worker serves: set in the task of a dedicated tenant.',
  ),
  OUTPOST_ONLY_JOB: define(
    Ulid,
    'The one job that this worker runs before it ends: set by whoever starts it.',
  ),
  OUTPOST_FAILPOINTS: define(text, 'Failpoints to arm, for tests; refused in prod.'),
  OUTPOST_ROTATION_FUNCTION_ARN: define(text, 'The function that rotates provider keys.'),
  OUTPOST_PROVIDER_TEST_URL: define(
    url,
    'Replaces the providers’ origins when a new key is tested. For tests.',
  ),
  OUTPOST_CONSOLE_ORIGIN: define(url, 'Origin that CORS allows.'),
  OUTPOST_BILLING: define(type("'stripe' | 'off'"), 'Whether Stripe bills tenants.', { fallback: 'off' }),
  OUTPOST_ALERT_TOPIC_ARN: define(
    text,
    'The SNS topic that quota alerts go to. Unset: they are lines of the log, and in GET /usage.',
  ),
  STRIPE_SECRET_KEY: define(
    text,
    'Stripe’s API key. Unset: read from Secrets Manager /outpost/{env}/stripe_secret_key.',
    { secret: true },
  ),
  STRIPE_WEBHOOK_SECRET: define(
    text,
    'Sign Stripe’s events, comma-separated: one of each endpoint, and the next while one is rotated. Unset: read from Secrets Manager.',
    { secret: true },
  ),
  OUTPOST_STRIPE_PRO_PRICES: define(
    priceIds,
    'Price ids of Pro’s monthly fee, comma-separated: the first is sold, the others still count as Pro.',
  ),
  OUTPOST_STRIPE_ENTERPRISE_PRICES: define(priceIds, 'The same for Enterprise.'),
  OUTPOST_STRIPE_JOB_PRICES: define(priceIds, 'The same for the metered price of a billable job.'),
  OUTPOST_STRIPE_METER: define(text, 'Id of the meter that counts billable jobs.'),
  OUTPOST_STRIPE_METER_EVENT: define(text, 'Name of the meter’s events.', { fallback: 'outpost_jobs' }),
  OUTPOST_STRIPE_URL: define(url, 'Stripe’s stand-in. Unset: Stripe itself. Set by `bun start` alone.'),
  OUTPOST_BILLING_RETURN_URL: define(url, 'Where Stripe’s pages lead back to.'),
  OUTPOST_FUNCTIONS_PORT: define(wholeNumber(0, 65535), 'Port of the functions’ process on one machine.', {
    fallback: '0',
  }),
  PORT: define(wholeNumber(0, 65535), 'Port of the API.', { fallback: '8787' }),
  AWS_REGION: define(text, 'The AWS region.'),
  ECS_AGENT_URI: define(url, 'Set by ECS: where a worker protects its task while it is busy.'),
  AWS_ENDPOINT_URL: define(url, 'Local AWS. Unset on AWS.'),
} as const satisfies Record<string, Variable<Type>>;

export type VariableName = keyof typeof VARIABLES;

type Value<N extends VariableName> = (typeof VARIABLES)[N]['schema']['infer'];

export type Env<Required extends VariableName, Optional extends VariableName> = {
  readonly [N in Required]: Value<N>;
} & { readonly [N in Exclude<Optional, Required>]?: Value<N> };

/** What is wrong with a process's environment: all of it at once. */
export class EnvError extends Error {
  override readonly name = 'EnvError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`The environment is incomplete:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
    this.problems = problems;
  }
}

/**
 * Reads the named variables. An empty value counts as unset. Throws one EnvError with every problem; values
 * are never repeated in it, because some are secrets.
 */
export function readEnv<R extends VariableName, O extends VariableName = never>(
  source: Readonly<Record<string, string | undefined>>,
  required: readonly R[],
  optional: readonly O[] = [],
): Env<R, O> {
  const values: Record<string, unknown> = {};
  const problems: string[] = [];
  const read = (name: VariableName, mandatory: boolean): void => {
    const variable: Variable<Type> = VARIABLES[name];
    const raw = source[name] || variable.fallback;
    if (raw === undefined) {
      if (mandatory) problems.push(`${name} is not set. ${variable.about}`);
      return;
    }
    const parsed = variable.schema(raw);
    if (parsed instanceof type.errors) {
      problems.push(`${name} must be ${parsed[0]?.expected ?? 'valid'}. ${variable.about}`);
    } else {
      values[name] = parsed;
    }
  };
  for (const name of required) read(name, true);
  for (const name of optional) read(name, false);
  if (problems.length > 0) throw new EnvError(problems);
  return values as Env<R, O>;
}
