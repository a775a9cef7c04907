import { join } from 'node:path';
import { installPeerPackages } from './peer-packages.ts';
import { installStackPackages } from './stack-packages.ts';

/**
 * `bun run check [step ...]`: everything that is judged without running the code, or only the named steps.
 * All steps run even if one fails; the exit code is 1 if any did.
 */
type Step = { readonly name: string; readonly about: string; readonly command: readonly string[] };
type Outcome = {
  readonly step: Step;
  readonly passed: boolean;
  readonly seconds: number;
  readonly output: string;
};

const bin = (path: string): string => join(import.meta.dir, '../node_modules', path);

const STEPS: readonly Step[] = [
  { name: 'format', about: 'oxfmt', command: [bin('oxfmt/bin/oxfmt'), '--check', '.'] },
  { name: 'lint', about: 'oxlint with types, and the import rules', command: [bin('oxlint/bin/oxlint')] },
  { name: 'types', about: 'tsc', command: [bin('typescript/bin/tsc')] },
  { name: 'dead-code', about: 'knip', command: [bin('knip/bin/knip.js'), '--no-progress'] },
];

/** The machine's cores are shared with the steps' own threads, so two at a time is enough. */
const AT_ONCE = 2;

const coloured = process.stdout.isTTY && process.env['NO_COLOR'] === undefined;
const paint = (code: number, text: string): string => (coloured ? `\u001b[${code}m${text}\u001b[0m` : text);

async function main(names: readonly string[]): Promise<number> {
  const unknown = names.find((name) => !STEPS.some((step) => step.name === name));
  if (unknown !== undefined) {
    console.error(`unknown step ${unknown}: the steps are ${STEPS.map((step) => step.name).join(', ')}`);
    return 2;
  }
  const steps = names.length === 0 ? STEPS : STEPS.filter((step) => names.includes(step.name));
  await installStackPackages();
  await installPeerPackages();
  const outcomes = await runAll(steps);
  const failed = outcomes.filter((outcome) => !outcome.passed);
  if (failed.length === 0) return 0;
  console.log(paint(31, `check failed: ${failed.map((outcome) => outcome.step.name).join(', ')}`));
  return 1;
}

/** Runs the steps side by side and reports each as it ends. */
async function runAll(steps: readonly Step[]): Promise<Outcome[]> {
  const waiting = [...steps];
  const outcomes: Outcome[] = [];
  const work = async (): Promise<void> => {
    for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) {
      const outcome = await run(step);
      report(outcome);
      outcomes.push(outcome);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return outcomes;
}

/** Each tool runs on this Bun: the lint plugin is TypeScript, which not every Node loads. */
async function run(step: Step): Promise<Outcome> {
  const startedAt = performance.now();
  const child = Bun.spawn([process.execPath, ...step.command], {
    env: { ...process.env, ...(coloured ? { FORCE_COLOR: '1' } : {}) },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return {
    step,
    passed: code === 0,
    seconds: (performance.now() - startedAt) / 1000,
    output: `${stdout}${stderr}`.trim(),
  };
}

function report({ step, passed, seconds, output }: Outcome): void {
  const verdict = passed ? paint(32, 'ok    ') : paint(31, 'failed');
  console.log(`${verdict} ${step.name.padEnd(10)} ${seconds.toFixed(1).padStart(5)} s  ${step.about}`);
  if (!passed) console.log(`${output}\n`);
}

process.exitCode = await main(process.argv.slice(2));
