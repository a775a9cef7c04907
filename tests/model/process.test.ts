import { expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { type } from 'arktype';

setDefaultTimeout(TEST_TIMEOUT_MS);

const Announcement = type('string.json.parse').to({ endpoint: 'string', pid: 'number' });

const MAIN = new URL('../../local/model/main.ts', import.meta.url).pathname;

const start = (port: string) =>
  Bun.spawn([process.execPath, MAIN], {
    env: { MODEL_PORT: port, PATH: process.env['PATH'] ?? '' },
    stdout: 'pipe',
    stderr: 'pipe',
  });

test('as a process it says where it is, answers /health, and ends cleanly on TERM', async () => {
  const child = start('0');
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  const { endpoint, pid } = Announcement.assert(new TextDecoder().decode(value).trim());
  expect(pid).toBe(child.pid);
  expect(endpoint).toStartWith('http://127.0.0.1:');
  expect((await fetch(`${endpoint}/health`)).status).toBe(200);
  child.kill('SIGTERM');
  expect(await child.exited).toBe(0);
});

test('a port that is none is refused', async () => {
  const child = start('nonsense');
  expect(await child.exited).toBe(2);
  expect(await new Response(child.stderr).text()).toContain('MODEL_PORT');
});
