import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deployInto } from './deployed.ts';

/**
 * Row G2: the whole suite of the API, over HTTP everywhere else, here on the built functions behind the gateway's
 * events. Once, whatever the scale.
 */
const NOT_ON_LAMBDA: Readonly<Record<string, string>> = {
  'tests/api/hosts.test.ts':
    'malformed Host headers end at the gateway, and here at the server that stands for it',
};
/** Failpoints end a server of api/serve.ts; on Lambda nobody can arm one. */
const ARMS_FAILPOINTS = 'OUTPOST_FAILPOINTS';

const SUITE = [
  ...[...new Bun.Glob('tests/api/*.test.ts').scanSync('.')].toSorted(),
  'tests/limits/over-http.test.ts',
  'tests/limits/idempotency.test.ts',
].filter((file) => !(file in NOT_ON_LAMBDA) && !readFileSync(file, 'utf8').includes(ARMS_FAILPOINTS));
const PATIENCE = 5;
const HOUR_MS = 3_600_000;

const everything = Number(process.env['OUTPOST_TEST_SCALE'] ?? 1) > 1;
const reason = everything ? '' : ' (skipped: only with OUTPOST_TEST_SCALE above 1)';

describe.skipIf(!everything)(`the built functions behind the gateway${reason}`, () => {
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'outpost-deployed-'));
    await deployInto(folder, ['api', 'stream']);
  }, HOUR_MS);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test(
    'pass every test of the API',
    async () => {
      const timeout = `--timeout=${60_000 * PATIENCE}`;
      const child = Bun.spawn([process.execPath, 'test', '--only-failures', timeout, ...SUITE], {
        cwd: join(import.meta.dir, '../..'),
        env: {
          ...process.env,
          OUTPOST_TEST_API_ENTRY: 'tests/runtime/gateway.ts',
          OUTPOST_TEST_DEPLOYED: folder,
          OUTPOST_TEST_SCALE: '1',
          OUTPOST_TEST_PATIENCE: String(PATIENCE),
        },
        stdin: 'ignore',
        stdout: 'pipe',
        stderr: 'pipe',
      });
      const [stdout, stderr, code] = await Promise.all([
        new Response(child.stdout).text(),
        new Response(child.stderr).text(),
        child.exited,
      ]);
      expect({ code, output: code === 0 ? '' : `${stdout}${stderr}` }).toEqual({ code: 0, output: '' });
      // The suite ran: most of its tests are made from the route table.
      expect(Number(/(\d+) pass/.exec(stderr)?.[1])).toBeGreaterThan(300);
    },
    HOUR_MS,
  );
});
