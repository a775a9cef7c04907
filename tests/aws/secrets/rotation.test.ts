import {
  CancelRotateSecretCommand,
  CreateSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  RotateSecretCommand,
  SecretsManagerClient,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager';
import { afterAll, beforeEach, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../../harness/timeout.ts';
import { openDatabase } from '../../../local/aws/database.ts';
import { createSecrets } from '../../../local/aws/secrets/secrets.ts';
import { startServer } from '../../../local/aws/server.ts';
import { errorName } from '../contract.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

type Event = { readonly Step: string; readonly SecretId: string; readonly ClientRequestToken: string };

const CREDENTIALS = { accessKeyId: 'AKIALOCALTEST', secretAccessKey: 'a secret of the tests' };
const ROTATOR = 'arn:aws:lambda:us-east-1:000000000000:function:rotator';
const DAY_MS = 86_400_000;

/** How far the services' clock is ahead of the real one, which signatures are judged by. */
let ahead = 0;
let events: Event[] = [];
let failingStep: string | undefined;

/** The rotation function: what a Lambda would do at each step. */
const functions = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  async fetch(request) {
    if (new URL(request.url).pathname !== '/functions/rotator') return new Response(null, { status: 404 });
    const event: Event = JSON.parse(await request.text());
    events.push(event);
    if (event.Step === failingStep) return new Response('the provider refused the key', { status: 500 });
    await step(event);
    return Response.json(null);
  },
});
const database = openDatabase(undefined);
const service = createSecrets(
  database,
  () => Date.now() + ahead,
  `http://127.0.0.1:${functions.port}/functions`,
);
const without = createSecrets(openDatabase(undefined), Date.now);
const server = startServer({ port: 0, credentials: CREDENTIALS, services: [service], now: Date.now });
const lambdaless = startServer({ port: 0, credentials: CREDENTIALS, services: [without], now: Date.now });
const clientOf = (endpoint: string): SecretsManagerClient =>
  new SecretsManagerClient({ region: 'us-east-1', endpoint, credentials: CREDENTIALS, maxAttempts: 1 });
const client = clientOf(server.endpoint);

afterAll(async () => {
  await server.stop();
  await lambdaless.stop();
  await functions.stop(true);
  database.close();
});
beforeEach(() => {
  events = [];
  failingStep = undefined;
});

async function step({ Step, SecretId, ClientRequestToken }: Event): Promise<void> {
  if (Step === 'createSecret') {
    const input = { SecretId, ClientRequestToken, SecretString: `made by ${ClientRequestToken}` };
    await client.send(new PutSecretValueCommand({ ...input, VersionStages: ['AWSPENDING'] }));
  }
  if (Step === 'finishSecret') {
    const current = await client.send(new GetSecretValueCommand({ SecretId }));
    await client.send(
      new UpdateSecretVersionStageCommand({
        SecretId,
        VersionStage: 'AWSCURRENT',
        MoveToVersionId: ClientRequestToken,
        RemoveFromVersionId: current.VersionId,
      }),
    );
  }
}

async function createSecret(): Promise<{ name: string; version: string }> {
  const name = `rotated-${crypto.randomUUID()}`;
  const created = await client.send(new CreateSecretCommand({ Name: name, SecretString: 'first' }));
  return { name, version: created.VersionId ?? '' };
}

const rotate = (name: string, more: object = {}) =>
  client.send(new RotateSecretCommand({ SecretId: name, RotationLambdaARN: ROTATOR, ...more }));
const describeSecret = (name: string) => client.send(new DescribeSecretCommand({ SecretId: name }));
const read = async (name: string): Promise<string | undefined> =>
  (await client.send(new GetSecretValueCommand({ SecretId: name }))).SecretString;

/** Waits for a condition that background work brings about. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error('it never came about');
    await Bun.sleep(20);
  }
}

describe('a rotation', () => {
  test('runs the four steps in order and makes the pending version current', async () => {
    const { name, version } = await createSecret();
    const rotated = await rotate(name, { RotationRules: { AutomaticallyAfterDays: 30 } });
    const token = rotated.VersionId ?? '';
    await until(async () => (await describeSecret(name)).LastRotatedDate !== undefined);
    expect(events.map(({ Step }) => Step)).toEqual([
      'createSecret',
      'setSecret',
      'testSecret',
      'finishSecret',
    ]);
    expect(new Set(events.map((event) => event.ClientRequestToken))).toEqual(new Set([token]));
    expect(await read(name)).toBe(`made by ${token}`);
    const described = await describeSecret(name);
    expect(described.VersionIdsToStages).toEqual({
      [version]: ['AWSPREVIOUS'],
      [token]: ['AWSCURRENT', 'AWSPENDING'],
    });
    expect(described).toMatchObject({ RotationEnabled: true, RotationRules: { AutomaticallyAfterDays: 30 } });
    const days = ((described.NextRotationDate?.getTime() ?? 0) - Date.now()) / DAY_MS;
    expect(Math.abs(days - 30)).toBeLessThan(0.1);
  });
  test('whose test fails stops there and leaves the current version', async () => {
    const { name, version } = await createSecret();
    failingStep = 'testSecret';
    const token = (await rotate(name)).VersionId ?? '';
    await until(async () => events.length === 3);
    await Bun.sleep(50);
    expect(events.map(({ Step }) => Step)).toEqual(['createSecret', 'setSecret', 'testSecret']);
    const described = await describeSecret(name);
    expect(described.LastRotatedDate).toBeUndefined();
    expect(described.VersionIdsToStages).toEqual({ [version]: ['AWSCURRENT'], [token]: ['AWSPENDING'] });
    expect(await read(name)).toBe('first');
  });
  test('that is unfinished is tried again, and the call that does so says so', async () => {
    const { name } = await createSecret();
    failingStep = 'testSecret';
    const token = (await rotate(name)).VersionId ?? '';
    await until(async () => events.length === 3);
    // While the failed one still ends, another call would not begin it again.
    await Bun.sleep(1_000);
    failingStep = undefined;
    expect(await errorName(rotate(name))).toBe('InvalidRequestException');
    await until(async () => (await read(name)) === `made by ${token}`);
  });
  test('starts by itself when its date has come', async () => {
    const { name } = await createSecret();
    await rotate(name, { RotationRules: { AutomaticallyAfterDays: 7 }, RotateImmediately: false });
    expect(events).toEqual([]);
    ahead = 8 * DAY_MS;
    await until(async () => (await read(name)) !== 'first');
    ahead = 0;
  });
  test('is over once cancelled', async () => {
    const { name } = await createSecret();
    await rotate(name, { RotationRules: { AutomaticallyAfterDays: 7 }, RotateImmediately: false });
    await client.send(new CancelRotateSecretCommand({ SecretId: name }));
    const described = await describeSecret(name);
    expect([described.RotationEnabled, described.NextRotationDate]).toEqual([false, undefined]);
  });
  test('without a place where functions answer says what to set', async () => {
    const other = clientOf(lambdaless.endpoint);
    await other.send(new CreateSecretCommand({ Name: 'x', SecretString: 'x' }));
    const refused = other.send(new RotateSecretCommand({ SecretId: 'x', RotationLambdaARN: ROTATOR }));
    await expect(refused).rejects.toThrow('OUTPOST_LOCAL_FUNCTIONS_URL');
  });
});

test('a secret is really deleted when its window is over', async () => {
  let time = Date.now();
  const store = openDatabase(undefined);
  const secrets = createSecrets(store, () => time);
  const call = (operation: string, input: Record<string, unknown>): unknown =>
    secrets.handle(operation, input, { signal: new AbortController().signal });
  call('CreateSecret', { Name: 's', SecretString: 'x' });
  call('DeleteSecret', { SecretId: 's', RecoveryWindowInDays: 7 });
  time += 7 * DAY_MS - 1000;
  expect(call('DescribeSecret', { SecretId: 's' })).toMatchObject({ Name: 's' });
  time += 2000;
  expect(() => call('RestoreSecret', { SecretId: 's' })).toThrow("can't find");
  expect(store.query('SELECT count(*) AS n FROM secrets_versions').get()).toEqual({ n: 0 });
  secrets.stop?.();
});
