import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { functionEntries } from '../../cli/build/functions.ts';
import { standIn } from '../../cli/build/schemas/stand-in.ts';
import { writeValidators } from '../../cli/build/schemas/validators-module.ts';
import { textBeside } from '../../cli/build/text-beside.ts';
import { eventOf } from '../../tests/runtime/gateway-client.ts';
import { startLambda } from '../../tests/runtime/lambda-process.ts';
import { startLocalAws } from '../../tests/harness/local-aws.ts';
import { outpostEnv } from '../../tests/harness/outpost.ts';
import { type CpuProfile, formatHot, modulesByLine, summarize, type Summary } from './cpu-profile.ts';

const INTERVAL_US = 200;
const MOST = 25;
const BUNDLE = 'index.js';

/**
 * Profiles the API function from its spawn to its first answer, once with compiled schemas, as it is deployed, and once
 * with arktype. The bundle is not minified, so that functions have their names.
 */
export async function profileColdStart(): Promise<string> {
  const work = mkdtempSync(join(tmpdir(), 'outpost-profile-'));
  const local = await startLocalAws({ withOutpost: true });
  try {
    const { source } = await writeValidators(functionEntries());
    const env = outpostEnv(local);
    const compiled = await profiled(join(work, 'compiled'), env, source);
    const arktype = await profiled(join(work, 'arktype'), env, undefined);
    return [
      `Cold start, as deployed: ${compiled.milliseconds.toFixed(0)} ms of JavaScript up to the first answer`,
      `(with schemas made by arktype at every start: ${arktype.milliseconds.toFixed(0)} ms)`,
      '',
      formatHot('By package', compiled.modules, compiled.milliseconds, MOST),
      formatHot('Hottest functions', compiled.functions, compiled.milliseconds, MOST),
      formatHot('By package, with arktype', arktype.modules, arktype.milliseconds, 8),
    ].join('\n');
  } finally {
    await local.stop();
    rmSync(work, { recursive: true, force: true });
  }
}

async function profiled(
  folder: string,
  env: Readonly<Record<string, string>>,
  validators: string | undefined,
): Promise<Summary> {
  const built = await Bun.build({
    entrypoints: [join(import.meta.dirname, '../../api/lambda.ts')],
    outdir: folder,
    naming: BUNDLE,
    target: 'bun',
    format: 'cjs',
    bytecode: true,
    plugins: [textBeside().plugin, ...(validators === undefined ? [] : [standIn({ validators })])],
  });
  if (!built.success) throw new AggregateError(built.logs, 'the bundle could not be made');
  const profiles = join(folder, 'profiles');
  const lambda = startLambda(
    [
      process.execPath,
      '--cpu-prof',
      `--cpu-prof-interval=${INTERVAL_US}`,
      `--cpu-prof-dir=${profiles}`,
      '--no-install',
      join(folder, BUNDLE),
    ],
    { ...env, LAMBDA_TASK_ROOT: folder },
    folder,
  );
  try {
    await lambda.emulator.invoke(await eventOf(new Request('https://api.example.com/health')));
    // The profile is written when the process ends by itself.
    lambda.terminate();
    await lambda.exited;
  } finally {
    await lambda.stop();
  }
  const lines = modulesByLine(readFileSync(join(folder, BUNDLE), 'utf8'));
  return summarize(readProfile(profiles), BUNDLE, lines);
}

/** The one profile in a folder. */
export function readProfile(folder: string): CpuProfile {
  const [file] = readdirSync(folder);
  if (file === undefined) throw new Error('the profiler wrote nothing');
  const profile: CpuProfile = JSON.parse(readFileSync(join(folder, file), 'utf8'));
  return profile;
}
