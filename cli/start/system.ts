import { join } from 'node:path';
import { type } from 'arktype';
import { bootstrap } from '../../api/operations/bootstrap.ts';
import { ensurePepper } from '../../api/operations/ensure-pepper.ts';
import { AWS_OPTIONAL_VARIABLES, AWS_VARIABLES, createStore } from '../../shared/deps.ts';
import { readEnv } from '../../shared/env.ts';
import { DEMO_AGENT } from '../../worker/agents/registry.ts';
import { WORKER_RUNTIME_ENV } from '../../worker/runtime-env.ts';
import { installAgent, installRootOf } from '../install-agent.ts';
import { startBilling } from './billing.ts';
import { type Child, type Spawned, startChild } from './children.ts';
import { ApiRefused, type Client, createClient } from './client.ts';
import { type Credentials, loadCredentials, saveCredentials } from './credentials.ts';
import { type Setup, StartRefused } from './preflight.ts';
import { serveTasks, type Task } from './tasks.ts';
import { paint, say, step } from './terminal.ts';

/** The running system, and what its newcomer needs. */
export type System = {
  readonly credentials: Credentials;
  readonly credentialsFile: string;
  readonly client: Client;
  readonly agent: string;
  /** No provider key: the scripted model answers. */
  readonly scripted: boolean;
  readonly logFolder: string;
};

/**
 * Short times, because one person waits for one machine: a job whose worker was killed runs again within half
 * a minute. AWS keeps the defaults of shared/env.ts.
 */
const LOCAL_TIMES = { OUTPOST_LEASE_SECONDS: '20', OUTPOST_RESEND_SECONDS: '10', OUTPOST_SWEEP_SECONDS: '2' };

const DEMO_TENANT = { name: 'Demo', email: 'demo@outpost.example', plan: 'enterprise' };

type Starter = (
  name: string,
  entry: string,
  env: Readonly<Record<string, string>>,
  args?: readonly string[],
) => Promise<Child>;

/**
 * Starts every process as soon as what it needs is there, and shows the steps in one order. Those that were
 * spawned are pushed onto `children` at once, so that whoever stops early misses none.
 */
export async function startSystem(
  setup: Setup,
  options: { demo: boolean; watch: boolean; children: Spawned[] },
): Promise<System> {
  const start: Starter = (name, entry, env, args = []) =>
    startChild({
      name,
      entry,
      args,
      env: { PATH: setup.path, ...env },
      logFolder: setup.logFolder,
      watch: options.watch,
      onSpawn: (spawned) => options.children.push(spawned),
    });

  const agent = setup.ownKey?.agent ?? DEMO_AGENT;
  const startingModel = begun(start('model', 'local/model/main.ts', { MODEL_PORT: String(setup.modelPort) }));
  const startingBilling = begun(
    startBilling(process.env, `http://127.0.0.1:${setup.port}/docs`, (more) =>
      start('stripe', 'local/stripe/main.ts', { OUTPOST_DATA_DIR: setup.dataDir, ...more }),
    ),
  );
  // The longest step of a first run goes on beside the others.
  const installing = options.demo ? startInstall(agent, setup.dataDir) : undefined;

  const workerEnv = Promise.withResolvers<Readonly<Record<string, string>>>();
  const tasks = serveTasks(async (task) => runTask(task, await workerEnv.promise, setup, options.children));
  const aws = await step('local AWS', async () => {
    const child = await startLocalAws(start, setup, tasks.url);
    return [child, child.endpoint];
  });
  const keys = await readAwsKeys(setup.dataDir);
  const env = systemEnv(aws.endpoint, keys);
  const startingWorkers = begun(
    startingModel.then((model) => {
      const ofWorkers = workerEnvOf(setup, env, model);
      workerEnv.resolve(ofWorkers);
      return startWorkers(start, setup.workers, ofWorkers);
    }),
  );

  const saved = loadCredentials(setup.dataDir);
  const admin = await step('operator', () => ensureAdmin(env, saved));
  const billing = await step('billing', async () => {
    const local = await startingBilling;
    return [local, local.about];
  });
  const startingApi = begun(
    start('api', 'api/serve.ts', { ...env, ...billing.env, ...setup.agents, PORT: String(setup.port) }),
  );
  const startingFunctions = begun(
    start('functions', 'api/functions/serve.ts', {
      ...env,
      ...billing.env,
      OUTPOST_FUNCTIONS_PORT: String(setup.functionsPort),
    }),
  );

  const api = await step('API', async () => {
    const child = await startingApi;
    await billing.connect(child.endpoint);
    return [child, child.endpoint];
  });
  const credentials = await step('demo tenant', () =>
    ensureDemoTenant(setup, api.endpoint, admin, saved, { agent, aws: { endpoint: aws.endpoint, ...keys } }),
  );
  await step('functions', async () => [
    await startingFunctions,
    'sweeper, audit writer, key rotation, billing, dedicated tasks',
  ]);
  await step('scripted model', async () => {
    const child = await startingModel;
    return [child, child.endpoint];
  });
  await step(setup.workers === 1 ? 'worker' : 'workers', async () => {
    const workers = await startingWorkers;
    const { isolation, isolation_reason: reason } = workers[0]?.hello ?? {};
    return [workers, `${setup.workers} × isolation ${String(isolation)} (${String(reason)})`];
  });
  await installing?.();
  return {
    credentials,
    credentialsFile: join(setup.dataDir, 'credentials.json'),
    client: createClient(credentials.url, credentials.api_key),
    agent,
    scripted: setup.ownKey === undefined,
    logFolder: setup.logFolder,
  };
}

/** Work that goes on while others are waited for: its failure stays with the promise until that is awaited. */
function begun<T>(work: Promise<T>): Promise<T> {
  void Promise.allSettled([work]);
  return work;
}

const startLocalAws = (start: Starter, setup: Setup, tasksUrl: string): Promise<Child> =>
  start(
    'aws',
    'local/aws/main.ts',
    {
      AWS_PORT: String(setup.awsPort),
      OUTPOST_DATA_DIR: setup.dataDir,
      OUTPOST_LOCAL_FUNCTIONS_URL: `http://127.0.0.1:${setup.functionsPort}`,
      OUTPOST_LOCAL_TASKS_URL: tasksUrl,
    },
    ['--with-outpost'],
  );

/** What every process of Outpost is told. */
const systemEnv = (awsEndpoint: string, keys: typeof AwsKeys.infer): Record<string, string> => ({
  OUTPOST_ENV: 'local',
  OUTPOST_QUEUE_BASE_URL: `${awsEndpoint}/000000000000`,
  AWS_REGION: 'us-east-1',
  AWS_ENDPOINT_URL: awsEndpoint,
  AWS_ACCESS_KEY_ID: keys.accessKeyId,
  AWS_SECRET_ACCESS_KEY: keys.secretAccessKey,
  OUTPOST_ROTATION_FUNCTION_ARN: 'arn:aws:lambda:us-east-1:000000000000:function:outpost-rotation-local',
  ...LOCAL_TIMES,
});

const workerEnvOf = (
  setup: Setup,
  env: Readonly<Record<string, string>>,
  model: Child,
): Record<string, string> => ({
  ...env,
  ...setup.agents,
  ...WORKER_RUNTIME_ENV,
  OUTPOST_DATA_DIR: setup.dataDir,
  OUTPOST_WORKSPACES_DIR: join(setup.dataDir, 'workspaces'),
  OUTPOST_AGENTS_DIR: installRootOf(setup.dataDir),
  OUTPOST_FALLBACK_MODEL_URL: model.endpoint,
  OUTPOST_WORKER_HEALTH_PORT: '0',
});

const startWorkers = (
  start: Starter,
  count: number,
  env: Readonly<Record<string, string>>,
): Promise<Child[]> =>
  Promise.all(
    Array.from({ length: count }, (_, index) => start(`worker-${index + 1}`, 'worker/main.ts', env)),
  );

/** Runs the worker of a dedicated tenant to its end. A job that it does not get to goes on by its next message. */
async function runTask(
  { tenantId, jobId }: Task,
  env: Readonly<Record<string, string>>,
  setup: Setup,
  children: Spawned[],
): Promise<void> {
  let task: Spawned | undefined;
  try {
    await startChild({
      name: `worker-of-${tenantId}`,
      entry: 'worker/main.ts',
      env: { PATH: setup.path, ...env, OUTPOST_ONLY_TENANT: tenantId, OUTPOST_ONLY_JOB: jobId },
      logFolder: setup.logFolder,
      watch: false,
      lasting: false,
      onSpawn: (spawned) => {
        task = spawned;
        children.push(spawned);
      },
    });
  } catch (error) {
    // One task that cannot be run ends nothing else.
    say(paint('dim', `  ${error instanceof Error ? error.message : 'A task could not be started.'}`));
  }
  await task?.exited;
  if (task !== undefined) children.splice(children.indexOf(task), 1);
}

/** Begins the install at once; the returned function shows it as a step and waits for it. */
function startInstall(agent: string, dataDir: string): () => Promise<void> {
  let tell: (line: string) => void = () => undefined;
  const installing = begun(installAgent(agent, dataDir, (line) => tell(line)));
  return () =>
    step(`agent ${agent}`, async (note) => {
      tell = note;
      const result = await installing;
      if (!result.ok) throw new StartRefused(result.message);
      return [undefined, result.fresh ? 'installed' : 'already installed'];
    });
}

const AwsKeys = type({ accessKeyId: 'string', secretAccessKey: 'string' });

async function readAwsKeys(dataDir: string): Promise<typeof AwsKeys.infer> {
  const file = Bun.file(join(dataDir, 'aws', 'credentials.json'));
  return AwsKeys.assert(await file.json());
}

/** The admin key: the saved one, a new one the first time, a rotated one when the file was lost. */
async function ensureAdmin(
  env: Record<string, string>,
  saved: Credentials | undefined,
): Promise<[string, string]> {
  // The SDK's own credential chain reads these; this process talks to no other AWS.
  process.env['AWS_ACCESS_KEY_ID'] = env['AWS_ACCESS_KEY_ID'];
  process.env['AWS_SECRET_ACCESS_KEY'] = env['AWS_SECRET_ACCESS_KEY'];
  const { store, secrets } = createStore(readEnv(env, AWS_VARIABLES, AWS_OPTIONAL_VARIABLES));
  const { OUTPOST_UID_START: uidStart, OUTPOST_UID_COUNT: uidCount } = readEnv(env, [
    'OUTPOST_UID_START',
    'OUTPOST_UID_COUNT',
  ]);
  const pepper = await ensurePepper(secrets);
  const result = await bootstrap(
    store,
    { pepper, uidStart, uidCount },
    { rotate: saved === undefined, email: 'operator@outpost.example' },
  );
  if (result.kind !== 'exists') return [result.adminKey, `admin key ${result.kind}`];
  if (saved === undefined)
    throw new StartRefused('The admin key was made by another process just now. Start again.');
  return [saved.admin_key, 'admin key exists'];
}

/** The demo tenant and its key: the saved ones while they work, new ones otherwise. */
async function ensureDemoTenant(
  setup: Setup,
  url: string,
  adminKey: string,
  saved: Credentials | undefined,
  facts: { agent: string; aws: { endpoint: string; accessKeyId: string; secretAccessKey: string } },
): Promise<[Credentials, string]> {
  const { endpoint, accessKeyId, secretAccessKey } = facts.aws;
  const aws = { endpoint, access_key_id: accessKeyId, secret_access_key: secretAccessKey };
  const known = saved !== undefined && (await works(url, saved)) ? saved : undefined;
  const { tenant_id, api_key } = known ?? (await createDemoTenant(url, adminKey));
  const credentials: Credentials = { url, admin_key: adminKey, tenant_id, api_key, agent: facts.agent, aws };
  saveCredentials(setup.dataDir, credentials);
  if (setup.ownKey !== undefined) {
    const { provider, value } = setup.ownKey;
    await createClient(url, api_key).call('PUT', `/tenants/${tenant_id}/secrets/${provider}`, { value });
  }
  return [credentials, `${tenant_id}${known === undefined ? ' created' : ''}`];
}

async function works(url: string, saved: Credentials): Promise<boolean> {
  try {
    await createClient(url, saved.api_key).call('GET', `/tenants/${saved.tenant_id}`);
    return true;
  } catch (error) {
    if (error instanceof ApiRefused) return false;
    throw error;
  }
}

async function createDemoTenant(
  url: string,
  adminKey: string,
): Promise<{ tenant_id: string; api_key: string }> {
  const admin = createClient(url, adminKey);
  const tenant = await admin.call('POST', '/tenants', DEMO_TENANT);
  const key = await admin.call('POST', `/tenants/${String(tenant['id'])}/api-keys`, { name: 'demo' });
  return { tenant_id: String(tenant['id']), api_key: String(key['api_key']) };
}
