import { bucketName } from '../shared/buckets.ts';
import { type Aws, AWS_OPTIONAL_VARIABLES, AWS_VARIABLES, createAws } from '../shared/deps.ts';
import { type Env, EnvError, readEnv, type VariableName } from '../shared/env.ts';
import { createLog, type Log } from '../shared/log.ts';
import { createProviderKeys, type ProviderKeys } from '../shared/secrets/provider-keys.ts';
import { readSecret } from '../shared/secrets/read-secret.ts';
import { platformSecret, type Secrets } from '../shared/secrets/secrets.ts';
import { type AuditTrail, createAuditTrail } from './audit-trail.ts';
import { BILLING_VARIABLES, createAlertTopic, loadBilling } from './billing/deps.ts';
import type { SendAlert } from './billing/raise-alerts.ts';
import type { Billing } from './billing/stripe.ts';
import { createKeyring, type Keyring } from './keyring.ts';
import { createKeyUse, type KeyUse } from './key-use.ts';
import { createRateLimiter, type RateLimiter } from './rate-limiter.ts';
import { createStartEstimate, type StartEstimate } from './operations/start-estimate.ts';

/** What the API and its functions work with, built once a process. */
export type ApiDeps = Aws & {
  readonly log: Log;
  readonly keyring: Keyring;
  readonly rateLimiter: RateLimiter;
  readonly keyUse: KeyUse;
  readonly trail: AuditTrail;
  readonly startEstimate: StartEstimate;
  readonly providerKeys: ProviderKeys;
  readonly settings: ApiSettings;
  /** Absent where billing is off. */
  readonly billing: Billing | undefined;
  /** Absent where no topic is configured: then quota alerts are lines of the log. */
  readonly alertTopic: SendAlert | undefined;
};

export type ApiSettings = {
  readonly environment: string;
  /** Key of the HMAC over API keys. */
  readonly pepper: string;
  /** Agents that jobs may name. */
  readonly agents: readonly string[];
  readonly resendSeconds: number;
  readonly uidStart: number;
  readonly uidCount: number;
  readonly auditExportBucket: string;
  readonly rotationFunctionArn: string | undefined;
  readonly providerTestUrl: string | undefined;
  /** Whether answers may stay open: an HTTP API cannot stream, other entries can. */
  readonly streaming: boolean;
};

const VARIABLES = [
  ...AWS_VARIABLES,
  'OUTPOST_AGENTS',
  'OUTPOST_RESEND_SECONDS',
  'OUTPOST_UID_START',
  'OUTPOST_UID_COUNT',
  'OUTPOST_BILLING',
] as const satisfies VariableName[];
const OPTIONAL_VARIABLES = [
  ...AWS_OPTIONAL_VARIABLES,
  ...BILLING_VARIABLES,
  'OUTPOST_PEPPER',
  'OUTPOST_ALERT_TOPIC_ARN',
  'OUTPOST_ROTATION_FUNCTION_ARN',
  'OUTPOST_PROVIDER_TEST_URL',
] as const satisfies VariableName[];

export type ApiEnv = Env<(typeof VARIABLES)[number], (typeof OPTIONAL_VARIABLES)[number]>;

/** Parses the API's environment. Throws EnvError with every problem. */
export const readApiEnv = (source: Readonly<Record<string, string | undefined>>): ApiEnv =>
  readEnv(source, VARIABLES, OPTIONAL_VARIABLES);

/**
 * Builds the API's dependencies; `billing` for those that bill. Throws EnvError with every platform secret
 * that is nowhere to be found and, where Stripe bills, everything else that billing lacks.
 */
export async function createApiDeps(
  env: ApiEnv,
  options: { write: (line: string) => void; streaming: boolean; billing?: true },
): Promise<ApiDeps> {
  const aws = createAws(env);
  const billed = options.billing === true && env.OUTPOST_BILLING === 'stripe';
  const [pepper, billing] = await Promise.all([
    orProblems(readPepper(env, aws.secrets)),
    billed ? orProblems(loadBilling(env, aws.secrets)) : undefined,
  ]);
  if (pepper instanceof EnvError || billing instanceof EnvError) {
    throw new EnvError([pepper, billing].flatMap((part) => (part instanceof EnvError ? part.problems : [])));
  }
  const settings: ApiSettings = {
    environment: env.OUTPOST_ENV,
    pepper,
    agents: env.OUTPOST_AGENTS.split(','),
    resendSeconds: env.OUTPOST_RESEND_SECONDS,
    uidStart: env.OUTPOST_UID_START,
    uidCount: env.OUTPOST_UID_COUNT,
    auditExportBucket: bucketName('audit-export', env.OUTPOST_ENV, env.OUTPOST_BUCKET_SUFFIX),
    rotationFunctionArn: env.OUTPOST_ROTATION_FUNCTION_ARN,
    providerTestUrl: env.OUTPOST_PROVIDER_TEST_URL,
    streaming: options.streaming,
  };
  const log = createLog(options.write, { service: 'api', env: env.OUTPOST_ENV });
  return {
    ...aws,
    log,
    trail: createAuditTrail(aws.queues, aws.store, log),
    startEstimate: createStartEstimate(aws.queues, aws.clock, log),
    keyring: createKeyring(aws.store, pepper),
    rateLimiter: createRateLimiter(aws.store),
    keyUse: createKeyUse(aws.store, log),
    providerKeys: createProviderKeys(aws.secrets, aws.clock),
    settings,
    alertTopic:
      env.OUTPOST_ALERT_TOPIC_ARN === undefined
        ? undefined
        : createAlertTopic(env.OUTPOST_ALERT_TOPIC_ARN, env),
    billing,
  };
}

/** The environment's, or the one that `bun run bootstrap` has made. */
async function readPepper(env: ApiEnv, secrets: Secrets): Promise<string> {
  const name = platformSecret(env.OUTPOST_ENV, 'pepper');
  const pepper = env.OUTPOST_PEPPER ?? (await readSecret(secrets, name));
  if (pepper !== undefined) return pepper;
  throw new EnvError([
    `OUTPOST_PEPPER is not set and the secret ${name} does not exist. Run \`bun run bootstrap\`.`,
  ]);
}

/** A part of the start, or what it lacks: a start that fails tells all of it at once. */
async function orProblems<T>(part: Promise<T>): Promise<T | EnvError> {
  try {
    return await part;
  } catch (error) {
    if (error instanceof EnvError) return error;
    throw error;
  }
}
