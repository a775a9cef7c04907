import { tenantKey } from '../../shared/store/item-keys.ts';
import { tableName } from '../../shared/tables.ts';
import { NO_ACCOUNT, type Settings } from '../../stacks/settings.ts';

/** What a command answered. */
export type Answer = { readonly exitCode: number; readonly output: string };
/** Runs a program and gives up after a while; exit code 127 when there is no such program. */
export type Run = (argv: readonly string[]) => Promise<Answer>;

export type Finding = {
  readonly what: string;
  readonly ok: boolean;
  /** What was found, or what is wrong. */
  readonly detail: string;
  readonly remedy?: string;
};

/** The least versions: state locking in S3 came with Terraform 1.10, cdktf-cli's runtime with Node 20. */
const TERRAFORM_MINIMUM = [1, 10] as const;
const NODE_MINIMUM = [20, 0] as const;
const BUN_VERSION = '1.4.5';

/** Quotas by their codes: https://docs.aws.amazon.com/general/latest/gr/aws-service-information.html */
const FARGATE_VCPUS = { service: 'fargate', code: 'L-3032A538' };
const LAMBDA_CONCURRENCY = { service: 'lambda', code: 'L-B99A9384' };
/** Half of the account's first 1,000: what the reserved functions and a burst of the API take. */
const CONCURRENCY_WANTED = 500;

/** What a deployment needs of the machine, whatever is deployed. */
export const diagnoseMachine = (run: Run, bunVersion: string): Promise<Finding[]> =>
  Promise.all([
    bun(bunVersion),
    version(run, ['node', '--version'], NODE_MINIMUM, 'Node', 'https://nodejs.org'),
    version(
      run,
      ['terraform', 'version'],
      TERRAFORM_MINIMUM,
      'Terraform',
      'https://developer.hashicorp.com/terraform/install',
    ),
    docker(run),
  ]);

/** Every check of a machine and an account that is to deploy these settings, none depending on another's luck. */
export async function diagnose(run: Run, settings: Settings, bunVersion: string): Promise<Finding[]> {
  const local = [...(await diagnoseMachine(run, bunVersion)), await account(settings), await state(settings)];
  const identity = await caller(run, settings);
  if (!identity.ok) return [...local, identity];
  return [
    ...local,
    identity,
    ...(await Promise.all([
      pepper(run, settings),
      vcpuQuota(run, settings),
      concurrencyQuota(run, settings),
      ...(settings.state === null ? [] : [stateBucket(run, settings, settings.state)]),
      ...(settings.billing === 'stripe' ? stripeSecrets(run, settings) : []),
      ...settings.dedicatedTenants.map((tenant) => dedicatedTenant(run, settings, tenant)),
      parameters(run, settings),
    ])),
  ];
}

const good = (what: string, detail: string): Finding => ({ what, ok: true, detail });
const bad = (what: string, detail: string, remedy: string): Finding => ({ what, ok: false, detail, remedy });

const bun = async (found: string): Promise<Finding> =>
  found === BUN_VERSION
    ? good('Bun', found)
    : bad(
        'Bun',
        `${found}, but bytecode runs only on the Bun of the layer, ${BUN_VERSION}`,
        'run it through the package: `npx bun run doctor`',
      );

async function version(
  run: Run,
  argv: readonly string[],
  [major, minor]: readonly [number, number],
  what: string,
  where: string,
): Promise<Finding> {
  const { exitCode, output } = await run(argv);
  const found = /v?(\d+)\.(\d+)\.\d+/.exec(output);
  if (exitCode !== 0 || found === null) return bad(what, 'not in PATH', `install it: ${where}`);
  const [text, foundMajor, foundMinor] = found;
  const enough = Number(foundMajor) > major || (Number(foundMajor) === major && Number(foundMinor) >= minor);
  return enough
    ? good(what, text)
    : bad(what, `${text} is too old`, `install ${major}.${minor} or newer: ${where}`);
}

async function docker(run: Run): Promise<Finding> {
  const { exitCode } = await run(['docker', 'info']);
  return exitCode === 0
    ? good('Docker', 'answers')
    : bad('Docker', 'does not answer', 'start it: the worker’s image is built with it');
}

const account = async ({ accountId, environment }: Settings): Promise<Finding> =>
  accountId === NO_ACCOUNT
    ? bad('Account', 'is not set', `set OUTPOST_ACCOUNT_ID, or accountId in outpost.${environment}.json`)
    : good('Account', accountId);

const state = async (settings: Settings): Promise<Finding> =>
  settings.state === null && settings.environment !== 'dev'
    ? bad(
        'State',
        'would lie on this machine alone',
        `name a bucket as state in outpost.${settings.environment}.json`,
      )
    : good('State', settings.state === null ? 'in .outpost/terraform' : `in s3://${settings.state.bucket}`);

const aws = (run: Run, settings: Settings, ...argv: string[]): Promise<Answer> =>
  run(['aws', ...argv, '--region', settings.region, '--output', 'text']);

async function caller(run: Run, settings: Settings): Promise<Finding> {
  const { exitCode, output } = await aws(run, settings, 'sts', 'get-caller-identity', '--query', 'Account');
  if (exitCode === 127) {
    return bad(
      'AWS',
      'the command aws is not in PATH',
      'install it: https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html',
    );
  }
  if (exitCode !== 0) return bad('AWS', 'no valid credentials', 'run `aws configure sso` or set AWS_PROFILE');
  const found = output.trim();
  return found === settings.accountId
    ? good('AWS', `credentials of ${found}`)
    : bad(
        'AWS',
        `credentials of ${found}, settings of ${settings.accountId}`,
        'use the other profile, or correct the account',
      );
}

async function pepper(run: Run, settings: Settings): Promise<Finding> {
  const name = `/outpost/${settings.environment}/pepper`;
  return secret(run, settings, name, 'run `bun run bootstrap` once the data stack is deployed');
}

const stripeSecrets = (run: Run, settings: Settings): Promise<Finding>[] =>
  ['stripe_secret_key', 'stripe_webhook_secret'].map((name) =>
    secret(run, settings, `/outpost/${settings.environment}/${name}`, 'run `bun run stripe:setup`'),
  );

async function secret(run: Run, settings: Settings, name: string, remedy: string): Promise<Finding> {
  const { exitCode } = await aws(run, settings, 'secretsmanager', 'describe-secret', '--secret-id', name);
  return exitCode === 0 ? good(name, 'exists') : bad(name, 'does not exist', remedy);
}

/** An access point under another uid than the tenant's would refuse every job of the tenant. */
async function dedicatedTenant(
  run: Run,
  settings: Settings,
  { id, uid }: Settings['dedicatedTenants'][number],
): Promise<Finding> {
  const { pk, sk } = tenantKey(id);
  const { exitCode, output } = await aws(
    run,
    settings,
    'dynamodb',
    'get-item',
    '--table-name',
    tableName('tenants', settings.environment),
    '--key',
    JSON.stringify({ pk: { S: pk }, sk: { S: sk } }),
    '--query',
    'Item.uid.N',
  );
  const what = `Dedicated tenant ${id}`;
  const found = output.trim();
  if (exitCode !== 0 || !/^\d+$/.test(found)) {
    return bad(what, 'there is no such tenant', 'create it first: its record has its uid (docs/deploy.md)');
  }
  return Number(found) === uid
    ? good(what, `uid ${uid}`)
    : bad(what, `has the uid ${found}, not ${uid}`, 'correct uid in dedicatedTenants');
}

/** The bucket of the state must be there before the first deployment: Terraform does not make it. */
async function stateBucket(
  run: Run,
  settings: Settings,
  { bucket, region }: NonNullable<Settings['state']>,
): Promise<Finding> {
  const { exitCode } = await aws(run, settings, 's3api', 'head-bucket', '--bucket', bucket);
  const what = `s3://${bucket}`;
  return exitCode === 0
    ? good(what, 'exists')
    : bad(
        what,
        'does not exist, or is not yours to use',
        `aws s3 mb s3://${bucket} --region ${region}, then turn versioning on`,
      );
}

/**
 * Nothing is read from Parameter Store: platform secrets lie in Secrets Manager alone. What lies there under our
 * path was meant for us, and does not hold.
 */
async function parameters(run: Run, settings: Settings): Promise<Finding> {
  const path = `/outpost/${settings.environment}/`;
  const { exitCode, output } = await aws(
    run,
    settings,
    'ssm',
    'get-parameters-by-path',
    '--path',
    path,
    '--query',
    'Parameters[].Name',
  );
  if (exitCode !== 0) return bad(`SSM ${path}`, 'could not be read', 'allow ssm:GetParametersByPath');
  const names = output.split(/\s+/).filter((name) => name !== '' && name !== 'None');
  return names.length === 0
    ? good(`SSM ${path}`, 'nothing, as it should be')
    : bad(
        `SSM ${path}`,
        `${names.join(', ')}: nothing reads parameters`,
        'move them to Secrets Manager under the same name (docs/deploy.md)',
      );
}

async function quota(
  run: Run,
  settings: Settings,
  { service, code }: { service: string; code: string },
): Promise<number | undefined> {
  const { exitCode, output } = await aws(
    run,
    settings,
    'service-quotas',
    'get-service-quota',
    '--service-code',
    service,
    '--quota-code',
    code,
    '--query',
    'Quota.Value',
  );
  const value = Number(output.trim());
  return exitCode === 0 && Number.isFinite(value) ? value : undefined;
}

async function vcpuQuota(run: Run, settings: Settings): Promise<Finding> {
  const { maximum, cpu } = settings.workers;
  // Each dedicated tenant runs at least one task of its own beside the pool's.
  const tasks = maximum + settings.dedicatedTenants.length;
  const wanted = (tasks * cpu) / 1024;
  const found = await quota(run, settings, FARGATE_VCPUS);
  return judgeQuota(
    'Fargate vCPUs',
    found,
    wanted,
    `${tasks} workers of ${cpu / 1024}`,
    FARGATE_VCPUS,
    settings,
  );
}

async function concurrencyQuota(run: Run, settings: Settings): Promise<Finding> {
  const found = await quota(run, settings, LAMBDA_CONCURRENCY);
  return judgeQuota(
    'Lambda concurrency',
    found,
    CONCURRENCY_WANTED,
    'the API under load',
    LAMBDA_CONCURRENCY,
    settings,
  );
}

function judgeQuota(
  what: string,
  found: number | undefined,
  wanted: number,
  purpose: string,
  { service, code }: { service: string; code: string },
  settings: Settings,
): Finding {
  if (found === undefined)
    return bad(what, 'the quota could not be read', 'allow servicequotas:GetServiceQuota');
  if (found >= wanted) return good(what, `${found}, ${wanted} wanted`);
  return bad(
    what,
    `${found}, but ${purpose} take ${wanted}`,
    `aws service-quotas request-service-quota-increase --service-code ${service} --quota-code ${code} --desired-value ${wanted} --region ${settings.region}`,
  );
}
