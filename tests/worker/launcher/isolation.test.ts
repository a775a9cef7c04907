import { afterAll, describe, expect, test } from 'bun:test';
import { chmodSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';

import { probeIsolation } from '../../../worker/launcher/isolation.ts';
import { inTurn } from '../../../worker/launcher/turn.ts';
import { neighbourProblems } from '../../../worker/launcher/probe-neighbour.ts';
import { wipeAbandoned } from '../../../worker/workspace/abandoned.ts';
import { markedInPsOutput } from '../../../worker/launcher/processes.ts';
import { assertTenantUid, assertUidRange, rangeOwner } from '../../../worker/launcher/uid-range.ts';
import { TEST_UIDS, openFolder } from './probe.ts';

const isRoot = process.getuid?.() === 0 && process.platform === 'linux';
if (!isRoot) console.log('skipped: tests of the probe as root, because this is not root on Linux');

const everywhere = { workspacesRoot: tmpdir(), executableRoots: ['/usr/bin'], uids: TEST_UIDS };

describe('probeIsolation', () => {
  test.skipIf(!isRoot)('offers level uid to root', async () => {
    const isolation = await probeIsolation(everywhere);
    expect(isolation.level).toBe('uid');
    expect(isolation.layers).toMatchObject({ prlimit: true, setpriv: true });
    expect(isolation.reason).toBe('each tenant runs under its own uid');
  });

  test.skipIf(!isRoot)('falls back, and says why, when a tenant cannot reach the folders', async () => {
    const folder = openFolder();
    chmodSync(folder.path, 0o700);
    const isolation = await probeIsolation({ ...everywhere, executableRoots: [folder.path] });
    expect(isolation.level).not.toBe('uid');
    expect(isolation.reason).toContain(`a tenant's uid cannot reach ${folder.path}`);
    const required = probeIsolation({ ...everywhere, workspacesRoot: folder.path, required: 'uid' });
    await expect(required).rejects.toMatchObject({ code: 'isolation_unavailable' });
    await expect(required).rejects.toThrow(`cannot reach ${folder.path}`);
    folder.remove();
  });

  test('offers the weakest level anywhere', async () => {
    const isolation = await probeIsolation({ ...everywhere, forced: 'process' });
    expect(isolation.level).toBe('process');
    expect(isolation.layers.pidNamespace).toBe(false);
  });

  test('a level that cannot be met is an error that names the reason', async () => {
    const probe = probeIsolation({ ...everywhere, workspacesRoot: '/nonexistent', required: 'uid' });
    await expect(probe).rejects.toMatchObject({ code: 'isolation_unavailable' });
  });
});

describe('neighbourProblems', () => {
  const locks = openFolder();
  afterAll(locks.remove);
  const rootsIn = (jobsRoot: string) => ({ jobsRoot, locksRoot: locks.path });

  test.skipIf(!isRoot)(
    'and the probe are undisturbed by workers that start at the same time and clean up',
    async () => {
      const folder = openFolder();
      const roots = rootsIn(folder.path);
      // Nobody else's: whatever has one of these uids is killed.
      const uids = { first: TEST_UIDS.last - 10, last: TEST_UIDS.last - 5 };
      const isolation = await probeIsolation({ ...everywhere, uids });
      let trying = true;
      const others = (async () => {
        while (trying) await wipeAbandoned(isolation, roots);
      })();
      for (let turn = 0; turn < 10; turn += 1) {
        const start = () =>
          inTurn(roots.locksRoot, uids, async () => {
            const { level } = await probeIsolation({ ...everywhere, uids });
            return [level, ...(await neighbourProblems(isolation, roots))];
          });
        expect(await Promise.all([start(), start()])).toEqual([['uid'], ['uid']]);
      }
      trying = false;
      await others;
      folder.remove();
    },
  );

  test.skipIf(!isRoot)('finds nothing where tenants have uids of their own', async () => {
    const folder = openFolder();
    expect(await neighbourProblems(await probeIsolation(everywhere), rootsIn(folder.path))).toEqual([]);
    folder.remove();
  });

  test.skipIf(!isRoot)('finds that two tenants under one uid read each other', async () => {
    const folder = openFolder();
    const isolation = await probeIsolation(everywhere);
    const uids = { first: TEST_UIDS.first, last: TEST_UIDS.first };
    expect(await neighbourProblems({ ...isolation, uids }, rootsIn(folder.path))).toEqual([
      'a tenant can read a file of another',
    ]);
    folder.remove();
  });

  test.skipIf(!isRoot)('does not take a folder that nobody can reach for isolation', async () => {
    const folder = openFolder();
    chmodSync(folder.path, 0o700);
    expect(await neighbourProblems(await probeIsolation(everywhere), rootsIn(folder.path))).toEqual([
      'a tenant cannot read its own file: the probe shows nothing',
    ]);
    folder.remove();
  });
});

describe('the tenant uid range', () => {
  test('is refused where accounts of the machine live, and where uids end', async () => {
    const refused = [
      [0, 99_999],
      [1_000, 99_999],
      [9_999, 10_000],
      [20_001, 20_000],
      [20_000.5, 20_001],
      [20_000, 2_147_483_647],
      [Number.NaN, 20_000],
    ] as const;
    for (const [first, last] of refused) {
      const probe = probeIsolation({ ...everywhere, uids: { first, last } });
      await expect(probe).rejects.toThrow("tenants' uids must lie within");
    }
    expect(assertUidRange({ first: 200_000, last: 1_199_999 })).toBeUndefined();
  });

  test('is not free where an account or the containers of a user have part of it', () => {
    const etc = openFolder();
    writeFileSync(`${etc.path}/passwd`, 'root:x:0:0::/root:/bin/sh\nann:x:250000:1::/home/ann:/bin/sh\n');
    writeFileSync(`${etc.path}/subuid`, '# people\nbob:300000:65536\n');
    const ownerOf = (first: number, last: number) => rangeOwner({ first, last }, etc.path);
    expect(ownerOf(200_000, 249_999)).toBeNull();
    expect(ownerOf(200_000, 250_000)).toBe('uid 250000 is the account ann');
    expect(ownerOf(260_000, 300_000)).toBe('/etc/subuid gives uids from 300000 to bob');
    expect(ownerOf(365_535, 365_535)).toContain('bob');
    expect(ownerOf(365_536, 900_000)).toBeNull();
    etc.remove();
    expect(ownerOf(200_000, 250_000)).toBeNull();
  });

  test.skipIf(!isRoot)('level uid is not offered over uids that are taken', async () => {
    const { reason, level } = await probeIsolation({ ...everywhere, uids: { first: 60_000, last: 65_534 } });
    expect(level).not.toBe('uid');
    expect(reason).toContain("the tenants' uids are not free: uid 65534 is the account nobody");
  });

  test('a hand-made range cannot let root in', () => {
    expect(() => assertTenantUid(0, { first: 0, last: 99_999 })).toThrow('outside');
    expect(() => assertTenantUid(1_000, { first: 0, last: 99_999 })).toThrow('outside');
    expect(assertTenantUid(20_000, { first: 0, last: 99_999 })).toBeUndefined();
  });
});

test('the job marker is found in ps output with descendants, and only as a whole word', () => {
  const output = [
    '  10     1 /usr/bin/node agent.js PATH=/usr/bin OUTPOST_JOB_ID=job-1',
    '  11    10 sleep 777',
    '  12    11 sleep 778',
    '  20     1 node OUTPOST_JOB_ID=job-12 A=1',
    '  21     1 node XOUTPOST_JOB_ID=job-1',
    '',
  ].join('\n');
  expect(markedInPsOutput(output, 'job-1').map(({ pid }) => pid)).toEqual([10, 11, 12]);
});
