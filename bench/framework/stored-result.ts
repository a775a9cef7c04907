import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type } from 'arktype';

/** The file of one benchmark, bench/results/<name>.json: what it handed over, and where and when it ran. */

const Figure = type({ median: 'number', low: 'number', high: 'number', unit: 'string' });

const Table = type({
  title: 'string',
  columns: 'string[]',
  rows: type('string').or('number').or(Figure).array().array(),
  'note?': 'string',
});

const Axis = type({ label: 'string', log: 'boolean' });

const Plot = type({
  id: /^[a-z0-9-]+$/,
  title: 'string',
  kind: "'line' | 'bar'",
  x: Axis,
  y: Axis,
  series: type({
    name: 'string',
    points: type({ x: 'number', y: 'number' }).array(),
    'exponent?': 'number',
  }).array(),
});

const Target = type({
  metric: 'string',
  target: 'string',
  measured: 'string',
  met: 'boolean',
  'cause?': 'string',
}).narrow(
  (target, context) => target.met || target.cause !== undefined || context.mustBe('a cause for a miss'),
);

export const Environment = type({
  cpu: 'string',
  cores: 'number',
  memory_gib: 'number',
  os: 'string',
  /** One-minute load average before the benchmark began: above zero, something else was running. */
  load_before: 'number',
  versions: 'Record<string, string>',
});
export type Environment = typeof Environment.infer;

export const StoredResult = type({
  name: /^[a-z0-9-]+$/,
  title: 'string',
  about: 'string',
  /** ISO-8601, UTC. */
  date: 'string',
  seconds: 'number',
  quick: 'boolean',
  'rounds?': 'number',
  environment: Environment,
  tables: Table.array(),
  plots: Plot.array(),
  targets: Target.array(),
  skipped: type({ what: 'string', reason: 'string' }).array(),
});
export type StoredResult = typeof StoredResult.infer;

const fileOf = (folder: string, name: string): string => join(folder, `${name}.json`);

/** Throws TypeError where a benchmark handed over something else than it promises. */
export function writeResult(folder: string, result: StoredResult): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(fileOf(folder, result.name), `${JSON.stringify(StoredResult.assert(result), null, 2)}\n`);
}

/** The last result of a benchmark; undefined when it never ran. Throws for a file that is none. */
export function readResult(folder: string, name: string): StoredResult | undefined {
  let text: string;
  try {
    text = readFileSync(fileOf(folder, name), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  return StoredResult.assert(JSON.parse(text));
}
