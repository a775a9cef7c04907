import { readSettings } from '../stacks/config.ts';
import { type Settings, SettingsError } from '../stacks/settings.ts';
import { type Answer, diagnose, diagnoseMachine } from './doctor/checks.ts';
import { settingsProblem, unknownVariables } from './doctor/environment.ts';

/**
 * `bun run doctor`: whether this machine and this account can deploy the environment of OUTPOST_ENV. Every
 * problem is listed with its remedy; the exit code is 1 when there is one.
 */
const PATIENCE_MS = 15_000;

async function run(argv: readonly string[]): Promise<Answer> {
  const [program = '', ...rest] = argv;
  const path = Bun.which(program);
  if (path === null) return { exitCode: 127, output: '' };
  const child = Bun.spawn([path, ...rest], {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    timeout: PATIENCE_MS,
  });
  const [stdout, , exitCode] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { exitCode, output: stdout };
}

async function main(): Promise<number> {
  const variables = unknownVariables(process.env);
  const settings = settingsOrProblem();
  const findings =
    settings instanceof SettingsError
      ? [...variables, settingsProblem(settings), ...(await diagnoseMachine(run, Bun.version))]
      : [...variables, ...(await diagnose(run, settings, Bun.version))];
  for (const { what, ok, detail } of findings) {
    console.log(`${ok ? 'ok     ' : 'problem'} ${what}: ${detail}`);
  }
  const problems = findings.filter(({ ok }) => !ok);
  if (problems.length === 0 && !(settings instanceof SettingsError)) {
    console.log(`\nReady to deploy ${settings.environment} to ${settings.accountId} in ${settings.region}.`);
    return 0;
  }
  console.log(`\n${problems.length} to settle before this can be deployed:`);
  for (const { what, remedy } of problems) console.log(`  ${what}: ${remedy}`);
  return 1;
}

function settingsOrProblem(): Settings | SettingsError {
  try {
    return readSettings();
  } catch (error) {
    if (error instanceof SettingsError) return error;
    throw error;
  }
}

process.exitCode = await main();
