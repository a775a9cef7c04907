import { loadRegistry } from './load-registry.ts';
import { runBench } from './run-bench.ts';
import { writeResult } from './stored-result.ts';

/**
 * Runs one benchmark in a process of its own: `bun bench/framework/main.ts <registry> <name> <results> [--quick]`.
 * A crash, a leak or a warm cache of one is then no other's, and everything it started ends with it.
 */
const [registry, name, results, flag] = process.argv.slice(2);
if (registry === undefined || name === undefined || results === undefined) {
  throw new Error('usage: bun bench/framework/main.ts <registry> <name> <results> [--quick]');
}
const bench = (await loadRegistry(registry)).find((candidate) => candidate.name === name);
if (bench === undefined) throw new Error(`${registry} has no benchmark ${name}`);
const progress = (line: string): void => void process.stdout.write(`${line}\n`);
try {
  writeResult(results, await runBench(bench, { quick: flag === '--quick', progress }));
  process.exit(0);
} catch (error) {
  console.error(error);
  process.exit(1);
}
