import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { join } from 'node:path';
import type { Aws } from '../../shared/deps.ts';
import { type LocalAws, startLocalAws } from '../harness/local-aws.ts';
import { awsOf, outpostEnv, startApi, type TestApi } from '../harness/outpost.ts';
import { allEntries, scanTable } from '../audit/entries.ts';

// Processes on a busy machine: the preload's default holds for the first file alone.
setDefaultTimeout(TEST_TIMEOUT_MS);

/** `bun run bootstrap` as an operator runs it: a process of its own, against a fresh local AWS. */
const ROOT = join(import.meta.dir, '../..');
const KEY = /op_live_[0-9a-f]{32}/;

type Run = { readonly code: number; readonly out: string; readonly err: string };

async function run(env: Record<string, string>, ...args: string[]): Promise<Run> {
  const child = Bun.spawn([process.execPath, 'cli/bootstrap.ts', ...args], {
    cwd: ROOT,
    env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', ...env },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  });
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { code, out, err };
}

let local: LocalAws;
let aws: Aws;
let env: Record<string, string>;

/** A fresh system. The pepper is made by bootstrap, not given. */
async function fresh(): Promise<void> {
  local = await startLocalAws({ withOutpost: true });
  aws = awsOf(local);
  const { OUTPOST_PEPPER: _, ...rest } = outpostEnv(local);
  env = rest;
}

const keyOf = ({ out }: Run): string => KEY.exec(out)?.[0] ?? '';
const items = async (): Promise<string[]> =>
  (await scanTable(aws.store, 'tenants')).map((item) => JSON.stringify(item)).toSorted();
const keysInForce = async (): Promise<number> =>
  (await scanTable(aws.store, 'tenants')).filter(({ sk, revoked }) => sk === 'KEY' && revoked === false)
    .length;

describe('bootstrap of a fresh system', () => {
  let api: TestApi | undefined;
  let first: Run;

  beforeAll(async () => {
    await fresh();
    first = await run(env);
  });
  afterAll(async () => {
    await api?.stop();
    await local.stop();
  });

  const status = async (key: string): Promise<number> => {
    // The pepper of this system is the one that bootstrap made.
    api ??= await startApi(local, { OUTPOST_PEPPER: '' });
    return (await api.request('GET', '/tenants', { key })).status;
  };

  test('prints an admin key that works, once', async () => {
    expect(first).toMatchObject({ code: 0, err: '' });
    expect(first.out.match(new RegExp(KEY, 'g'))).toHaveLength(1);
    expect(await status(keyOf(first))).toBe(200);
    expect((await allEntries(aws.store)).map(({ action }) => action)).toContain('platform.bootstrap');
  });

  test('says so the second time, changes nothing and ends well', async () => {
    const before = await items();
    const second = await run(env);
    expect(second.code).toBe(0);
    expect(second.out).toContain('nothing was changed');
    expect(keyOf(second)).toBe('');
    const unused = (rows: string[]) =>
      rows.filter((row) => !row.includes('KEYUSE#') && !row.includes('RATE#'));
    expect(unused(await items())).toEqual(unused(before));
  });

  test('--rotate prints another key, and the one before is refused at once', async () => {
    const rotated = await run(env, '--rotate');
    expect(rotated.code).toBe(0);
    expect(keyOf(rotated)).toMatch(KEY);
    expect(keyOf(rotated)).not.toBe(keyOf(first));
    expect(await keysInForce()).toBe(1);
    // A process that never saw the old key; one that cached it may still read with it, and change nothing.
    const other = await startApi(local, { OUTPOST_PEPPER: '' });
    const old = await other.request('GET', '/tenants', { key: keyOf(first) });
    await other.stop();
    expect(old.status).toBe(401);
    expect(await status(keyOf(rotated))).toBe(200);
    const body = { name: 'Late', email: 'late@example.com' };
    const cached = await api!.request('POST', '/tenants', { key: keyOf(first), body });
    expect(cached.status).toBeOneOf([401, 403]);
  });
});

test('two at the same time make one key and one pepper', async () => {
  await fresh();
  const runs = await Promise.all([run(env), run(env), run(env)]);
  const inForce = await keysInForce();
  const made = runs.map(keyOf).filter((key) => key !== '');
  const api = await startApi(local, { OUTPOST_PEPPER: '' });
  const answer = await api.request('GET', '/tenants', { key: made[0] ?? '' });
  await api.stop();
  await local.stop();
  expect(runs.map(({ code, err }) => ({ code, err }))).toEqual(runs.map(() => ({ code: 0, err: '' })));
  expect(made).toHaveLength(1);
  expect(inForce).toBe(1);
  expect(answer.status).toBe(200);
});

test('an incomplete environment is one message with every problem, and no secret in it', async () => {
  const secret = 'not-a-region-but-a-secret';
  const refused = await run({
    OUTPOST_ENV: 'nowhere',
    AWS_ENDPOINT_URL: secret,
    OUTPOST_UID_COUNT: 'many',
    AWS_SECRET_ACCESS_KEY: secret,
  });
  expect(refused.code).toBe(1);
  for (const name of ['OUTPOST_ENV', 'AWS_REGION', 'AWS_ENDPOINT_URL', 'OUTPOST_UID_COUNT']) {
    expect(refused.err).toContain(name);
  }
  expect(refused.err + refused.out).not.toContain(secret);
});

test('without a deployment or a local system it says what to do', async () => {
  const refused = await run({ OUTPOST_DATA_DIR: join(ROOT, 'no-such-folder') });
  expect(refused).toMatchObject({ code: 1, out: '' });
  expect(refused.err).toContain('bun start');
});
