import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EnvironmentName } from '../../stacks/settings.ts';
import { EVERYTHING, synthesizeInto } from './synthesis.ts';
import { startTerraform, type Terraform, TERRAFORM } from './terraform.ts';

/**
 * Real terraform on the synthesized stacks, over a stand-in for the AWS provider: names, types, references and
 * the order of stacks are as a deployment would find them; nothing reaches AWS.
 */
const ORDER = ['data', 'queues', 'api', 'worker', 'observability'];
const MINUTE_MS = 60_000;
const everyEnvironment = Number(process.env['OUTPOST_TEST_SCALE'] ?? 1) > 1;

/** State in a folder; everything else that is optional is made. */
const CASES: readonly (readonly [EnvironmentName, Record<string, unknown>])[] = [
  ['staging', { ...EVERYTHING, state: null }],
  ...(everyEnvironment ? ([['dev', {}]] as const) : []),
];

const reason = TERRAFORM === null ? ' (skipped: there is no terraform in PATH)' : '';

for (const [environment, overrides] of CASES) {
  describe.skipIf(TERRAFORM === null)(`${environment}${reason}`, () => {
    let folder: string;
    let terraform: Terraform;
    const id = (stack: string): string => `outpost-${stack}-${environment}`;

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'outpost-deploy-'));
      await synthesizeInto(join(folder, 'cdktf.out'), environment, overrides);
      terraform = await startTerraform(join(folder, 'cdktf.out'));
    }, MINUTE_MS);
    afterAll(async () => {
      await terraform.stop();
      rmSync(folder, { recursive: true, force: true });
    });

    for (const stack of ORDER) {
      test(
        `${stack} is valid, applies, and then has nothing to change`,
        async () => {
          const steps = [
            ['init'],
            ['validate'],
            ['apply', '-auto-approve'],
            ['plan', '-detailed-exitcode'],
          ] as const;
          for (const [command, ...args] of steps) {
            const { code, output } = await terraform.run(id(stack), command, ...args);
            expect({ command, code, output: code === 0 ? '' : output }).toEqual({
              command,
              code: 0,
              output: '',
            });
          }
        },
        2 * MINUTE_MS,
      );
    }

    test(
      'all are destroyed in reverse order',
      async () => {
        for (const stack of ORDER.toReversed()) {
          const { code, output } = await terraform.run(id(stack), 'destroy', '-auto-approve');
          expect({ stack, code, output: code === 0 ? '' : output }).toEqual({ stack, code: 0, output: '' });
        }
      },
      2 * MINUTE_MS,
    );
  });
}

describe.skipIf(TERRAFORM === null)(`prod${reason}`, () => {
  let folder: string;
  let terraform: Terraform;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'outpost-deploy-'));
    await synthesizeInto(join(folder, 'cdktf.out'), 'prod', { ...EVERYTHING, state: null });
    terraform = await startTerraform(join(folder, 'cdktf.out'));
  }, MINUTE_MS);
  afterAll(async () => {
    await terraform.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test(
    'refuses to destroy its data',
    async () => {
      await terraform.run('outpost-data-prod', 'init');
      expect((await terraform.run('outpost-data-prod', 'apply', '-auto-approve')).code).toBe(0);
      const { code, output } = await terraform.run('outpost-data-prod', 'destroy', '-auto-approve');
      expect(code).toBe(1);
      expect(output).toContain('prevent_destroy');
    },
    2 * MINUTE_MS,
  );
});
