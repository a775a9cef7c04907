import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type * as StandIn from './arktype.ts';
import type { Schema } from './schema.ts';
import { standIn } from './stand-in.ts';
import type { Predicate } from './validators.ts';

const ROOT = join(import.meta.dirname, '../../..');

/** What the modules behind some entries define while they are loaded, by fingerprint. */
export type Recorded = {
  readonly schemas: ReadonlyMap<string, Schema>;
  readonly predicates: ReadonlyMap<string, Predicate>;
  /** The files that define them. */
  readonly modules: readonly string[];
};

/** What the bundle of the recording exports. */
type Recorder = Pick<typeof StandIn, 'listeners'> & { readonly run: () => Promise<void> };

/**
 * Loads every module that defines schemas and that `entries` lead to, lazy imports included, with the stand-in
 * in arktype's place, and notes what they define. With `validators`, the source of a generated module, they
 * decide as they do in a function. Throws Error where two predicates narrow one schema, which
 * no fingerprint tells apart, and where loading a module needs arktype itself.
 */
export async function recordSchemas(entries: readonly string[], validators?: string): Promise<Recorded> {
  const modules = new Set<string>();
  await bundle(entries, { onImport: (module) => modules.add(module) });
  const parent = join(ROOT, 'dist');
  mkdirSync(parent, { recursive: true });
  // Inside the repository, since packages are resolved from there.
  const folder = mkdtempSync(join(parent, '.schemas-'));
  try {
    const entry = join(folder, 'entry.ts');
    writeFileSync(entry, entrySource([...modules].toSorted()));
    const [output] = await bundle([entry], validators === undefined ? {} : { validators });
    const file = join(folder, 'recorder.js');
    writeFileSync(file, (await output?.text()) ?? '');
    const recorder: Recorder = await import(file);
    return { ...(await listen(recorder)), modules: [...modules].toSorted() };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const entrySource = (modules: readonly string[]): string =>
  [
    `export { listeners } from ${JSON.stringify(join(import.meta.dirname, 'arktype.ts'))};`,
    // Functions, so that the listeners are there first.
    `export const run = async () => { ${modules.map((module) => `await import(${JSON.stringify(module)});`).join(' ')} };`,
    '',
  ].join('\n');

async function bundle(entries: readonly string[], options: Parameters<typeof standIn>[0]) {
  const built = await Bun.build({
    entrypoints: [...entries],
    target: 'bun',
    format: 'esm',
    packages: 'external',
    plugins: [standIn(options)],
  });
  if (!built.success) throw new AggregateError(built.logs, 'the schemas could not be recorded');
  return built.outputs;
}

async function listen({ listeners, run }: Recorder): Promise<Omit<Recorded, 'modules'>> {
  const schemas = new Map<string, Schema>();
  const predicates = new Map<string, Predicate>();
  listeners.schema = (schema) => {
    const { fingerprint, text } = schema;
    if (fingerprint === undefined) return;
    const same = schemas.get(fingerprint);
    if (same === undefined) schemas.set(fingerprint, schema);
    else if (same.text !== text) throw new Error(`${same.text} and ${text} have one fingerprint`);
  };
  listeners.predicate = (fingerprint, predicate) => {
    const same = predicates.get(fingerprint);
    if (same !== undefined && same !== predicate) {
      throw new Error(
        `two predicates narrow ${schemas.get(fingerprint)?.text}: describe() one before narrow()`,
      );
    }
    predicates.set(fingerprint, predicate);
  };
  listeners.member = ({ text }, name) => {
    // The generated module knows the properties.
    if (name !== 'props') throw new Error(`.${name} of ${text} would load arktype at every start`);
  };
  await run();
  // From here on the schemas are used as arktype's.
  delete listeners.member;
  return { schemas, predicates };
}
