import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { readReport, type TestReport } from './test-report.ts';

/**
 * `bun run test [paths and flags of bun test]`: runs the test files in parallel processes, slowest first,
 * prints failures as they come and the skipped tests at the end, and closes with one line
 * `N passed, N failed` (`, N skipped`). The counts are those of the JUnit report, which a test's output
 * cannot forge. The exit code is 1 when a test failed, a file crashed or held no test, or none ran.
 *   --junit=<file>   keeps the report there
 */
const CACHE = 'node_modules/.cache/outpost';
const TIMINGS = join(CACHE, 'test-timings.json');
/** Milliseconds of the slowest files, so that a fresh clone begins with them, too. */
const FIRST_TIMINGS = 'tests/timings.json';
const JUNIT_FLAG = '--junit=';
/** Of one test, for each step of the scale: what hangs fails, what is slow does not. */
const TIMEOUT_MS = 60_000;

async function main(args: readonly string[]): Promise<number> {
  const scale = process.env['OUTPOST_TEST_SCALE'];
  if (scale !== undefined && !/^[1-9]\d*$/.test(scale)) {
    console.error(`OUTPOST_TEST_SCALE must be a whole number from 1, not ${JSON.stringify(scale)}`);
    return 2;
  }
  const folder = mkdtempSync(join(tmpdir(), 'outpost-test-'));
  try {
    const reportFile = join(folder, 'junit.xml');
    const exitCode = await runBunTest(args, reportFile);
    const report = await readReport(reportFile);
    const junit = args.find((arg) => arg.startsWith(JUNIT_FLAG))?.slice(JUNIT_FLAG.length);
    if (junit !== undefined && existsSync(reportFile)) cpSync(reportFile, junit);
    // Chosen by name, the report calls skipped what was not chosen.
    const skipped = choosesByName(args) ? [] : report.skipped;
    return conclude(report, skipped, silentFiles(args, report), exitCode);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runBunTest(args: readonly string[], reportFile: string): Promise<number> {
  mkdirSync(CACHE, { recursive: true });
  if (!existsSync(TIMINGS) && existsSync(FIRST_TIMINGS)) cpSync(FIRST_TIMINGS, TIMINGS);
  const child = Bun.spawn(
    [
      process.execPath,
      'test',
      '--only-failures',
      `--timeout=${TIMEOUT_MS * Number(process.env['OUTPOST_TEST_SCALE'] ?? 1)}`,
      `--parallel=${availableParallelism()}`,
      `--timings=${TIMINGS}`,
      '--update-timings',
      '--reporter=junit',
      `--reporter-outfile=${reportFile}`,
      ...args.filter((arg) => !arg.startsWith(JUNIT_FLAG)),
    ],
    { env: process.env, stdin: 'inherit', stdout: 'inherit', stderr: 'inherit' },
  );
  return child.exited;
}

/**
 * The test files asked for that the report does not know: they failed to load, ended their process or hold
 * no test. Not judged when tests are chosen by name, since then a file may rightly run none.
 */
function silentFiles(args: readonly string[], report: TestReport): string[] {
  if (choosesByName(args)) return [];
  const paths = args.filter((arg) => !arg.startsWith('-')).map((arg) => arg.replace(/^\.\//, ''));
  const files = [...new Bun.Glob('tests/**/*.test.ts').scanSync('.')];
  return files
    .filter((file) => paths.length === 0 || paths.some((path) => file.includes(path)))
    .filter((file) => !report.files.has(file))
    .toSorted();
}

const choosesByName = (args: readonly string[]): boolean =>
  args.some((arg) => arg === '-t' || arg.startsWith('--test-name-pattern'));

function conclude(
  report: TestReport,
  skippedTests: readonly string[],
  silent: readonly string[],
  exitCode: number,
): number {
  for (const name of skippedTests) console.log(`skipped: ${name}`);
  for (const file of silent) console.log(`failed: ${file} reported no test`);
  const known = report.failed + silent.length;
  // bun test also fails for what no test owns, such as an error between tests.
  const failed = known === 0 && exitCode !== 0 ? 1 : known;
  if (report.passed + known === 0) console.log('no test ran');
  const skipped = skippedTests.length === 0 ? '' : `, ${skippedTests.length} skipped`;
  console.log(`${report.passed} passed, ${failed} failed${skipped}`);
  return failed > 0 || report.passed === 0 ? 1 : 0;
}

process.exitCode = await main(process.argv.slice(2));
