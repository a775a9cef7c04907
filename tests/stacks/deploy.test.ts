import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EnvironmentName } from '../../stacks/settings.ts';
import { EVERYTHING, synthesizeInto } from './synthesis.ts';
import { startTerraform, type Terraform, TERRAFORM, WITHOUT_TERRAFORM } from './terraform.ts';

/**
 * Row Q4. Real terraform on the synthesized stacks, over a stand-in for the AWS provider: names, types, references
 * and the order of stacks are as a deployment would find them; nothing reaches AWS.
 */
const ORDER = ['data', 'queues', 'api', 'worker', 'observability'] as const;
/** What prod does not let go of. */
const PROTECTED: readonly string[] = ['data', 'worker'];
const MINUTE_MS = 60_000;
const everyEnvironment = Number(process.env['OUTPOST_TEST_SCALE'] ?? 1) > 1;

/** State in a folder; everything else that is optional is made, but for dev, which has as little as can be. */
const WHOLE = { ...EVERYTHING, state: null };
const CASES: readonly (readonly [EnvironmentName, Record<string, unknown>])[] = [
  ['staging', WHOLE],
  ...(everyEnvironment
    ? ([
        ['dev', {}],
        ['prod', WHOLE],
      ] as const)
    : []),
];

type Deployment = { readonly folder: string; readonly terraform: Terraform };

async function startDeployment(
  environment: EnvironmentName,
  settings: Record<string, unknown>,
): Promise<Deployment> {
  const folder = mkdtempSync(join(tmpdir(), 'outpost-deploy-'));
  await synthesizeInto(join(folder, 'cdktf.out'), environment, settings);
  return { folder, terraform: await startTerraform(join(folder, 'cdktf.out')) };
}

async function endDeployment({ folder, terraform }: Deployment): Promise<void> {
  await terraform.stop();
  rmSync(folder, { recursive: true, force: true });
}

for (const [environment, settings] of CASES) {
  describe.skipIf(TERRAFORM === null)(`${environment}${WITHOUT_TERRAFORM}`, () => {
    let deployment: Deployment;
    const run = (stack: string, command: string, ...args: string[]) =>
      deployment.terraform.run(`outpost-${stack}-${environment}`, command, ...args);

    beforeAll(async () => {
      deployment = await startDeployment(environment, settings);
    }, 2 * MINUTE_MS);
    afterAll(() => endDeployment(deployment));

    for (const stack of ORDER) {
      test(
        `${stack} is valid, is planned and applied, and then has nothing to change`,
        async () => {
          const steps = [
            ['init'],
            ['validate'],
            ['plan', '-out=planned'],
            ['apply', 'planned'],
            ['plan', '-detailed-exitcode'],
          ] as const;
          for (const [command, ...args] of steps) {
            const { code, output } = await run(stack, command, ...args);
            expect({ command, code, output: code === 0 ? '' : output }).toEqual({
              command,
              code: 0,
              output: '',
            });
          }
        },
        5 * MINUTE_MS,
      );
    }

    for (const stack of ORDER.toReversed()) {
      const isProtected = environment === 'prod' && PROTECTED.includes(stack);
      test(
        `${stack} ${isProtected ? 'refuses to be destroyed' : 'is destroyed'}`,
        async () => {
          const { code, output } = await run(stack, 'destroy', '-auto-approve');
          expect({ code, output: code === 0 ? '' : output }).toEqual(
            isProtected
              ? { code: 1, output: expect.stringContaining('prevent_destroy') }
              : { code: 0, output: '' },
          );
        },
        5 * MINUTE_MS,
      );
    }
  });
}

/** All of prod is above where there is time for it. */
if (!everyEnvironment) {
  describe.skipIf(TERRAFORM === null)(`prod’s data${WITHOUT_TERRAFORM}`, () => {
    let deployment: Deployment;

    beforeAll(async () => {
      deployment = await startDeployment('prod', WHOLE);
    }, 2 * MINUTE_MS);
    afterAll(() => endDeployment(deployment));

    test(
      'refuses to be destroyed',
      async () => {
        const { terraform } = deployment;
        await terraform.run('outpost-data-prod', 'init');
        expect((await terraform.run('outpost-data-prod', 'apply', '-auto-approve')).code).toBe(0);
        const { code, output } = await terraform.run('outpost-data-prod', 'destroy', '-auto-approve');
        expect(code).toBe(1);
        expect(output).toContain('prevent_destroy');
      },
      5 * MINUTE_MS,
    );
  });
}
