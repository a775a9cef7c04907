import { type } from 'arktype';

/** What an operator may set of a deployment, with the range that AWS or the design allows. */
const integer = (minimum: number, maximum: number) => type(`${minimum} <= number.integer <= ${maximum}`);

/** The retention periods that CloudWatch Logs takes. */
const LogRetentionDays = type(
  '1 | 3 | 5 | 7 | 14 | 30 | 60 | 90 | 120 | 150 | 180 | 365 | 400 | 545 | 731 | 1096 | 1827 | 2192 | 2557 | 2922 | 3288 | 3653',
);

/** The task sizes that Fargate takes: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html */
const MEMORY_OF_CPU: Readonly<Record<number, readonly [minimum: number, maximum: number]>> = {
  1024: [2048, 8192],
  2048: [4096, 16384],
  4096: [8192, 30720],
};

const Workers = type({
  '+': 'reject',
  /** Tasks that stay when there is nothing to do. */
  minimum: integer(0, 50),
  maximum: integer(1, 500),
  cpu: type('1024 | 2048 | 4096'),
  /** MiB. */
  memory: integer(2048, 30720),
  /** Interruptible capacity, at a discount: a task gets SIGTERM 120 s before it is taken. */
  spot: 'boolean',
  /** GiB of the task's own disk, for jobs' HOME and TMPDIR. Fargate: 21 to 200. */
  ephemeralStorage: integer(21, 200),
}).narrow((workers, context) => {
  if (workers.maximum < workers.minimum) return context.mustBe('with maximum at least minimum');
  const [low, high] = MEMORY_OF_CPU[workers.cpu] ?? [0, 0];
  if (workers.memory < low || workers.memory > high || workers.memory % 1024 !== 0) {
    return context.mustBe(
      `with a memory of ${low} to ${high} MiB in steps of 1024 for ${workers.cpu} CPU units`,
    );
  }
  return true;
});

const Uuid = type('string.uuid.v4');

export const Settings = type({
  '+': 'reject',
  environment: "'dev' | 'staging' | 'prod'",
  accountId: /^\d{12}$/,
  region: /^[a-z]{2}(-[a-z]+)+-\d$/,
  /** Where Terraform keeps its state; null: in .outpost/terraform, for one person's experiments. */
  state: type({ '+': 'reject', bucket: /^[a-z0-9.-]{3,63}$/, region: /^[a-z]{2}(-[a-z]+)+-\d$/ }).or('null'),
  architecture: "'arm64' | 'x64'",
  network: "'public' | 'private'",
  availabilityZones: integer(2, 3),
  workers: Workers,
  /** The worker's image with its digest; null: the `latest` of the deployment's own repository. */
  workerImage: type(/^[\w.\-/:]+@sha256:[0-9a-f]{64}$/).or('null'),
  /**
   * Tenants with a task, a role and an access point of their own. `uid` is the one on the tenant's record. No more
   * than one policy can name, of the function that starts their tasks: 10,240 characters.
   * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
   */
  dedicatedTenants: type({ '+': 'reject', id: Uuid, uid: integer(10_000, 2_147_483_646) })
    .array()
    .atMostLength(36),
  logRetentionDays: LogRetentionDays,
  auditRetentionDays: integer(1, 3650),
  /** Days after which a job's output is deleted. */
  outputRetentionDays: integer(1, 3650),
  consoleOrigin: type(/^https:\/\/[a-z0-9.-]+(:\d+)?$/).or('null'),
  domain: type({ '+': 'reject', name: 'string >= 4', certificateArn: /^arn:aws:acm:/ }).or('null'),
  throttle: type({ '+': 'reject', rate: integer(1, 10_000), burst: integer(1, 5000) }),
  /** Where alarms are sent. */
  alarmEmail: type('string.email').or('null'),
  billing: "'stripe' | 'off'",
  /** What `bun run stripe:setup` made; needed with billing `stripe`. */
  stripe: type({
    '+': 'reject',
    proPrices: 'string[] >= 1',
    enterprisePrices: 'string[] >= 1',
    jobPrices: 'string[] >= 1',
    meter: 'string >= 1',
    meterEvent: 'string >= 1',
    returnUrl: /^https:\/\//,
  }).or('null'),
  /** Refuse to delete tables, buckets, keys and file systems. */
  protectData: 'boolean',
});
export type Settings = typeof Settings.infer;
export type EnvironmentName = Settings['environment'];

const BASE: Omit<Settings, 'environment' | 'accountId'> = {
  region: 'us-east-1',
  state: null,
  architecture: 'arm64',
  network: 'public',
  availabilityZones: 2,
  workers: { minimum: 0, maximum: 50, cpu: 2048, memory: 4096, spot: false, ephemeralStorage: 30 },
  workerImage: null,
  dedicatedTenants: [],
  logRetentionDays: 14,
  auditRetentionDays: 90,
  outputRetentionDays: 30,
  consoleOrigin: null,
  domain: null,
  throttle: { rate: 1000, burst: 2000 },
  alarmEmail: null,
  billing: 'off',
  stripe: null,
  protectData: false,
};

/** What each environment starts from. */
const DEFAULTS: Readonly<Record<EnvironmentName, typeof BASE>> = {
  dev: { ...BASE, workers: { ...BASE.workers, spot: true } },
  staging: { ...BASE, logRetentionDays: 30 },
  prod: {
    ...BASE,
    workers: { ...BASE.workers, minimum: 1 },
    logRetentionDays: 90,
    outputRetentionDays: 365,
    protectData: true,
  },
};

/** An account that nobody has: a deployment to it is refused by the provider. */
export const NO_ACCOUNT = '000000000000';

export class SettingsError extends Error {
  override readonly name = 'SettingsError';
}

/**
 * The settings of an environment: its defaults with the operator's overrides; `workers` and `throttle` may be
 * given in part. Throws SettingsError with every problem.
 */
export function settingsOf(
  environment: EnvironmentName,
  overrides: Readonly<Record<string, unknown>>,
): Settings {
  const defaults = DEFAULTS[environment];
  const merge = (name: 'workers' | 'throttle') => {
    const given = overrides[name];
    return typeof given === 'object' && given !== null ? { ...defaults[name], ...given } : defaults[name];
  };
  const parsed = Settings({
    accountId: NO_ACCOUNT,
    ...defaults,
    ...overrides,
    environment,
    workers: merge('workers'),
    throttle: merge('throttle'),
  });
  if (parsed instanceof type.errors)
    throw new SettingsError(`The settings of ${environment}: ${parsed.summary}`);
  if (parsed.billing === 'stripe' && parsed.stripe === null) {
    throw new SettingsError(`The settings of ${environment}: billing is stripe, but stripe is not set`);
  }
  const unsafe = environment === 'prod' && !parsed.protectData;
  if (unsafe) throw new SettingsError('The settings of prod: protectData must be true');
  return parsed;
}
