import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EnvironmentName } from '../../stacks/settings.ts';
import { ACCOUNT, EVERYTHING, fakeBuild, synthesizeInto } from './synthesis.ts';
import { startTerraform, type Terraform, TERRAFORM, WITHOUT_TERRAFORM } from './terraform.ts';

/**
 * Row Q4: CDKTF's own command line deploys all stacks at once, in their order, over the stand-in for the AWS
 * provider. It is `bun run cdktf`, in a folder of its own.
 */
const ROOT = join(import.meta.dir, '../..');
const PATIENCE_MS = 900_000;
const WHOLE = { ...EVERYTHING, state: null };
const CASES: readonly (readonly [EnvironmentName, Record<string, unknown>])[] = [
  ['dev', {}],
  ['staging', WHOLE],
  ['prod', WHOLE],
];

/** 423 MB on disk, and minutes: asked in CI. */
const everything = Number(process.env['OUTPOST_TEST_SCALE'] ?? 1) > 1;
const reason = everything ? WITHOUT_TERRAFORM : ' (skipped: only with OUTPOST_TEST_SCALE above 1)';

describe.skipIf(!everything || TERRAFORM === null)(`cdktf${reason}`, () => {
  describe.each(CASES)('%s', (environment, settings) => {
    let folder: string;
    let terraform: Terraform;

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'outpost-cdktf-'));
      const output = join(folder, 'cdktf.out');
      await synthesizeInto(output, environment, settings);
      terraform = await startTerraform(output);
      fakeBuild(join(folder, 'build'));
      const child = `exec ${process.execPath} tests/stacks/synth-child.ts ${environment} "$SETTINGS" ${folder}/build ${output}`;
      const project = { language: 'typescript', app: `sh -c 'cd ${ROOT} && ${child}'`, projectId: 'test' };
      writeFileSync(join(folder, 'cdktf.json'), JSON.stringify({ ...project, sendCrashReports: 'false' }));
    }, PATIENCE_MS);
    afterAll(async () => {
      await terraform.stop();
      rmSync(folder, { recursive: true, force: true });
    });

    const cdktf = async (...args: string[]): Promise<{ code: number; output: string }> => {
      const child = Bun.spawn([process.execPath, join(ROOT, 'cli/cdktf.ts'), ...args], {
        cwd: folder,
        env: {
          ...process.env,
          ...terraform.env,
          CI: '1',
          SETTINGS: JSON.stringify({ accountId: ACCOUNT, ...settings }),
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
      return { code, output: `${stdout}${stderr}` };
    };
    const succeeds = { code: 0, output: expect.stringContaining('complete!') };

    test(
      'deploys every stack',
      async () => {
        const deployed = await cdktf('deploy', '*', '--auto-approve', '--skip-provider-lock');
        expect(deployed).toEqual(succeeds);
        for (const name of ['api_url', 'stream_url', 'dashboard_url', 'repository_url', 'normal_url']) {
          expect(deployed.output).toContain(name);
        }
      },
      PATIENCE_MS,
    );

    // That prod refuses is in deploy.test.ts.
    if (environment === 'prod') return;
    test(
      'destroys every stack',
      async () => {
        expect(await cdktf('destroy', '*', '--auto-approve', '--skip-provider-lock')).toEqual(succeeds);
      },
      PATIENCE_MS,
    );
  });
});
