import { join } from 'node:path';
import { readdirSync } from 'node:fs';

/** Terraform itself, with the stand-in for its AWS provider. */
export type Terraform = {
  /** Runs a command in a stack's folder; never asks, never colours. */
  run(stack: string, command: string, ...args: string[]): Promise<{ code: number; output: string }>;
  /** What leads any terraform to the stand-in. */
  readonly env: Readonly<Record<string, string>>;
  stop(): Promise<void>;
};

export const TERRAFORM = Bun.which('terraform');
/** Appended to the name of what is skipped without it. */
export const WITHOUT_TERRAFORM = TERRAFORM === null ? ' (skipped: there is no terraform in PATH)' : '';

const STAND_IN = join(import.meta.dir, '../../stacks/stand-in/main.ts');

/** Starts a stand-in for what the synthesized stacks in `output` use. */
export async function startTerraform(output: string): Promise<Terraform> {
  const stacks = join(output, 'stacks');
  const files = readdirSync(stacks).map((id) => join(stacks, id, 'cdk.tf.json'));
  const standIn = Bun.spawn([process.execPath, STAND_IN, ...files], {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'inherit',
  });
  process.once('exit', () => standIn.kill('SIGKILL'));
  const first = await standIn.stdout.getReader().read();
  const reattach = new TextDecoder().decode(first.value).trim();
  if (!reattach.startsWith('{')) throw new Error(`the stand-in did not start: ${await standIn.exited}`);
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: process.env['HOME'] ?? '',
    TF_REATTACH_PROVIDERS: reattach,
    TF_IN_AUTOMATION: '1',
    CHECKPOINT_DISABLE: '1',
  };
  return {
    env,
    async run(stack, command, ...args) {
      const noInput = ['init', 'plan', 'apply', 'destroy'].includes(command) ? ['-input=false'] : [];
      const child = Bun.spawn([TERRAFORM ?? 'terraform', command, '-no-color', ...noInput, ...args], {
        cwd: join(stacks, stack),
        env,
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
    },
    async stop() {
      standIn.kill('SIGTERM');
      await standIn.exited;
    },
  };
}
