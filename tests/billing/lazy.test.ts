import { join } from 'node:path';
import { expect, test, setDefaultTimeout } from 'bun:test';
import { runTool } from '../../cli/run-tool.ts';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

/** Says which packages are loaded, and when, in a process of its own: here they are loaded already. */
const SCRIPT = `
Bun.plugin({
  name: 'tell',
  setup: (build) => build.onLoad({ filter: /node_modules\\/(stripe|@aws-sdk\\/client-sns)\\/.*\\.js$/ }, async ({ path }) => {
    console.log('loaded ' + /node_modules\\/(?:@aws-sdk\\/)?([^/]+)/.exec(path)[1]);
    return { contents: await Bun.file(path).text(), loader: 'js' };
  }),
});
for (const entry of ['app', 'deps', 'functions/api', 'functions/usage-reporter']) await import('./api/' + entry + '.ts');
console.log('imported');
const { createStripeClient } = await import('./api/billing/deps.ts');
await createStripeClient('sk_test_x');
`;

test('the SDKs of Stripe and SNS cost no start anything: they are imported when first needed', async () => {
  const { exitCode, output } = await runTool(
    [process.execPath, '-e', SCRIPT],
    join(import.meta.dir, '../..'),
  );
  expect([exitCode, output]).toEqual([0, output]);
  const [before, after = ''] = output.split('imported');
  expect(before).not.toContain('loaded');
  expect(after).toContain('loaded stripe');
});
