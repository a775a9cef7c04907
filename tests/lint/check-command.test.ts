import { expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { join } from 'node:path';

setDefaultTimeout(TEST_TIMEOUT_MS);

const COMMAND = join(import.meta.dir, '../../cli/check.ts');

async function check(...steps: string[]): Promise<{ code: number; output: string }> {
  const child = Bun.spawn([process.execPath, COMMAND, ...steps], {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  });
  const [stdout, stderr] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { code: await child.exited, output: stdout + stderr };
}

test('a step that does not exist is refused, with those that do', async () => {
  const { code, output } = await check('formatting');
  expect(code).toBe(2);
  expect(output).toContain('format, lint, types, dead-code');
});

test('a named step reports its name and time, and decides the exit code', async () => {
  const { code, output } = await check('format');
  expect(output).toMatch(/^(ok {4}|failed) format +\d+\.\d s/);
  expect(code).toBe(output.startsWith('ok') ? 0 : 1);
});
