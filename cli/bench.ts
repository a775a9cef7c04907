import { join } from 'node:path';
import { runBenches } from '../bench/framework/run-benches.ts';

/**
 * `bun run bench [names] [--quick]`: measures, prints tables, writes bench/results/<name>.json, and draws
 * docs/performance.md with its plots from the last result of every benchmark. With --quick it only shows that
 * everything runs, and leaves its output in dist/bench. The exit code is 1 when a benchmark failed, 2 for a
 * name that is none and when interrupted.
 */
const ROOT = join(import.meta.dirname, '..');
const REGISTRY = join(ROOT, 'bench/registry.ts');
const KEPT = { results: join(ROOT, 'bench/results'), docs: join(ROOT, 'docs') };
const QUICK = { results: join(ROOT, 'dist/bench/results'), docs: join(ROOT, 'dist/bench/docs') };

async function main(args: readonly string[]): Promise<number> {
  const quick = args.includes('--quick');
  const names = args.filter((arg) => arg !== '--quick');
  const folders = quick ? QUICK : KEPT;
  try {
    const failed = await runBenches({
      registry: REGISTRY,
      names,
      quick,
      folders,
      colours: process.stdout.isTTY && !process.env['NO_COLOR'],
      print: (text) => void process.stdout.write(text),
    });
    console.log(`report: ${join(folders.docs, 'performance.md')}`);
    if (failed.length > 0) console.log(`failed: ${failed.join(', ')}`);
    return failed.length > 0 ? 1 : 0;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return 2;
  }
}

process.exitCode = await main(process.argv.slice(2));
