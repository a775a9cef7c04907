import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { CreateSecretCommand } from '@aws-sdk/client-secrets-manager';
import { providerKeySecret } from '../../../shared/secrets/secrets.ts';
import type { Child } from '../../harness/child.ts';
import { LONG_TEST_MS } from '../launcher/probe.ts';
import { HOOK_MS, outputText, startWorld, type World } from '../loop/fixture.ts';

setDefaultTimeout(LONG_TEST_MS);

/** A hostile agent in a real worker that tells its own key to whoever may read the job's output. */

const KEY = 'sk-proj/Zm9v+b4r_Q7w~0123456789&%"x';

/** Each line is one attempt, and names itself first, so that it is seen to have been made. */
const ATTEMPTS: Readonly<Record<string, string>> = {
  whole: 'printf %s "$K"',
  stderr: 'printf %s "$K" >&2',
  environment: 'env; cat /proc/self/environ | tr "\\0" "\\n"',
  'in pieces': 'echo "$K" | fold -w1 | while read -r c; do printf %s "$c"; sleep 0.02; done',
  'in pieces over several chunks':
    'printf %s "$K" | cut -c1-9 | tr -d "\\n"; sleep 2.5; printf %s "$K" | cut -c10-',
  'in pieces of two streams':
    'printf %s "$K" | cut -c1-20 | tr -d "\\n"; printf noise >&2; sleep 0.3; printf %s "$K" | cut -c21-',
  base64: 'printf %s "$K" | base64 -w0',
  'base64 behind one byte': 'printf "x%s" "$K" | base64 -w0',
  'base64 behind two bytes': 'printf "xy%s" "$K" | base64 -w0',
  'base64 for URLs': 'printf %s "$K" | base64 -w0 | tr "+/" "-_"',
  hex: 'printf %s "$K" | od -An -tx1 -v | tr -d " \\n"',
  'capital hex': 'printf %s "$K" | od -An -tx1 -v | tr -d " \\n" | tr a-f A-F',
  'hex in pieces':
    'printf %s "$K" | od -An -tx1 -v -w1 | tr -d " " | while read -r c; do printf %s "$c"; sleep 0.01; done',
  doubled: 'printf %s%s "$K" "$K"',
};

let world: World;
let worker: Child;
beforeAll(async () => {
  world = await startWorld();
  worker = await world.startWorker();
}, HOOK_MS);
afterAll(() => world.stop(), HOOK_MS);

/** Runs of at least so many characters of a form must not be read anywhere. */
const TELLING = 12;

const windows = (form: string): string[] =>
  Array.from({ length: Math.max(0, form.length - TELLING + 1) }, (_, at) => form.slice(at, at + TELLING));

test('tells its key in pieces, base64 and hex: none of it is read anywhere', async () => {
  const tenant = await world.tenant();
  await world.aws.secrets.client.send(
    new CreateSecretCommand({ Name: providerKeySecret(tenant.tenantId, 'openai'), SecretString: KEY }),
  );
  const script = ['K="$OPENAI_API_KEY"'];
  for (const [name, command] of Object.entries(ATTEMPTS)) script.push(`echo "<${name}>"`, command, 'echo');
  const jobId = await world.submit(tenant, script.join('\n'), { agent: 'keyed' });
  const job = await world.until(tenant, jobId, undefined, LONG_TEST_MS / 2);
  expect(job).toMatchObject({ status: 'succeeded' });

  const events = await world.events(tenant, jobId);
  const text = outputText(events);
  for (const name of Object.keys(ATTEMPTS)) expect(text).toContain(`<${name}>`);
  // Twice in the environment, twice doubled, and once by each other attempt.
  expect(text.match(/\[redacted\]/g)?.length).toBeGreaterThanOrEqual(Object.keys(ATTEMPTS).length);
  const raw = await world.api.request('GET', `/jobs/${jobId}/output`, { key: tenant.apiKey });
  const read = [
    text,
    await raw.text(),
    JSON.stringify(events),
    JSON.stringify(job),
    JSON.stringify(worker.logs()),
  ];
  const bytes = Buffer.from(KEY);
  const forms = [
    KEY,
    encodeURIComponent(KEY),
    JSON.stringify(KEY),
    bytes.toString('hex'),
    bytes.toString('hex').toUpperCase(),
    // The alignments of base64, without the characters that hold bits of a neighbour.
    ...['', 'x', 'xy'].flatMap((before) => {
      const shifted = Buffer.from(before + KEY);
      return [shifted.toString('base64').slice(4, -4), shifted.toString('base64url').slice(4, -4)];
    }),
  ];
  for (const window of new Set(forms.flatMap(windows))) {
    for (const place of read) expect(place.includes(window)).toBe(false);
  }
});
