import { join } from 'node:path';
import { readLines } from '../../cli/start/lines.ts';
import { loadRegistry } from './load-registry.ts';
import { painter, printedResult } from './print-result.ts';
import { readResult } from './stored-result.ts';
import { type ReportFolders, writeReport } from './write-report.ts';

export type BenchRun = {
  /** The module that exports BENCHES. */
  readonly registry: string;
  /** Which of them; all when empty. */
  readonly names: readonly string[];
  readonly quick: boolean;
  readonly folders: ReportFolders;
  readonly colours: boolean;
  readonly print: (text: string) => void;
};

const MAIN = join(import.meta.dirname, 'main.ts');
/** Bun's fetch holds back more than 256 requests at once; load generators need more. */
const MANY_CONNECTIONS = { BUN_CONFIG_MAX_HTTP_REQUESTS: '8192' };
/** What hangs is a failure; nothing comes near it. */
const BENCH_TIMEOUT_MS = 30 * 60_000;

/** Ctrl-C: the benchmark that runs cleans up, and no other follows. */
class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/**
 * Runs benchmarks one after the other, each in a process of its own, prints their tables and draws the report.
 * One that fails is reported and the others still run. Answers the names of those that failed. Throws Error for
 * a name that is none, Interrupted when this process was told to stop.
 */
export async function runBenches(run: BenchRun): Promise<readonly string[]> {
  const paint = painter(run.colours);
  const known = (await loadRegistry(run.registry)).map((bench) => bench.name);
  const unknown = run.names.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new Error(`unknown benchmark ${unknown}: they are ${known.join(', ')}`);
  const chosen = run.names.length === 0 ? known : known.filter((name) => run.names.includes(name));
  const failed: string[] = [];
  for (const [index, name] of chosen.entries()) {
    run.print(`${paint('bold', name)} ${paint('dim', `${index + 1} of ${chosen.length}`)}\n`);
    const outcome = await runChild(run, name);
    const result = outcome === undefined ? readResult(run.folders.results, name) : undefined;
    if (result === undefined) {
      failed.push(name);
      run.print(paint('red', `${name} failed: ${outcome ?? 'it left no result'}\n\n`));
    } else {
      run.print(`\n${printedResult(result, paint)}\n`);
    }
  }
  writeReport(run.folders, known);
  return failed;
}

/** Undefined when the benchmark has written its result, else why not. */
async function runChild(run: BenchRun, name: string): Promise<string | undefined> {
  const started = performance.now();
  const child = Bun.spawn(
    [process.execPath, MAIN, run.registry, name, run.folders.results, ...(run.quick ? ['--quick'] : [])],
    { env: { ...process.env, ...MANY_CONNECTIONS }, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' },
  );
  let interrupted = false;
  const stop = (): void => child.kill('SIGTERM');
  const interrupt = (): void => {
    interrupted = true;
    stop();
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, interrupt);
  const timeout = setTimeout(stop, BENCH_TIMEOUT_MS);
  const paint = painter(run.colours);
  const show = (line: string): void => {
    const seconds = ((performance.now() - started) / 1000).toFixed(0).padStart(4);
    run.print(`${paint('dim', `${seconds} s`)}  ${line}\n`);
  };
  await Promise.all([readLines(child.stdout, show), readLines(child.stderr, show)]);
  const code = await child.exited;
  clearTimeout(timeout);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, interrupt);
  if (interrupted) throw new Interrupted(`interrupted in ${name}`);
  if (code === 0) return undefined;
  return child.signalCode === null ? `it ended with code ${code}` : `it was ended by ${child.signalCode}`;
}
