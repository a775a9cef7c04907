import { afterAll, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../../harness/timeout.ts';
import { join } from 'node:path';

import { lockUid, lockUidWithin } from '../../../worker/workspace/lock.ts';
import { eventually, openFolder } from '../launcher/probe.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

const data = openFolder();
afterAll(data.remove);

const LOCK_MODULE = join(import.meta.dirname, '../../../worker/workspace/lock.ts');

describe('lockUid', () => {
  test('is held once, by uid, until it is freed', async () => {
    const root = join(data.path, 'a');
    const release = await lockUid(root, 7);
    expect(release).not.toBeNull();
    expect(await lockUid(root, 7)).toBeNull();
    const other = await lockUid(root, 8);
    expect(other).not.toBeNull();
    release?.();
    const again = await lockUid(root, 7);
    expect(again).not.toBeNull();
    again?.();
    other?.();
  });

  test('is waited for, though not for ever', async () => {
    const root = join(data.path, 'waited');
    const release = await lockUid(root, 7);
    expect(await lockUidWithin(root, 7, 50)).toBeNull();
    const waiting = lockUidWithin(root, 7, 60_000);
    release?.();
    const granted = await waiting;
    expect(granted).not.toBeNull();
    expect(await lockUid(root, 7)).toBeNull();
    granted?.();
  });

  test('is freed by the death of the process that holds it', async () => {
    const root = join(data.path, 'b');
    const script = `const { lockUid } = await import(${JSON.stringify(LOCK_MODULE)});
      console.log((await lockUid(${JSON.stringify(root)}, 7)) === null ? 'refused' : 'held'); await Bun.sleep(60_000);`;
    const holder = Bun.spawn([process.execPath, '-e', script], { cwd: '/', env: {}, stdout: 'pipe' });
    const { value } = await holder.stdout.getReader().read();
    expect(new TextDecoder().decode(value)).toBe('held\n');
    expect(await lockUid(root, 7)).toBeNull();
    holder.kill('SIGKILL');
    await eventually(async () => {
      const release = await lockUid(root, 7);
      release?.();
      return release !== null;
    });
  });
});
