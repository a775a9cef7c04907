/**
 * Who may import whom, and who may do what only few may: the import rules of the design as one table.
 * Paths are from the root of the repository; one that ends in `/` is a folder, with all below it, and a
 * `*` stands for one folder.
 */

/** A part of the repository and what it may import besides itself and npm packages. */
type Layer = {
  readonly path: string;
  readonly imports: readonly string[];
  /** What it may not import although `imports` or the layer itself would allow it. */
  readonly never?: readonly string[];
};

/** The few facts about deployments that stacks and local share with the code they carry. */
const DEPLOYMENT_FACTS = ['shared/env.ts', 'shared/tables.ts', 'shared/queues.ts', 'shared/buckets.ts'];

/** The first layer that holds a file is its layer; a file in none is a mistake in this table. */
const LAYERS: readonly Layer[] = [
  { path: 'shared/', imports: [] },
  { path: 'api/routes/', imports: ['api/', 'shared/'], never: ['shared/store/'] },
  { path: 'api/operations/', imports: ['api/', 'shared/'], never: ['api/routes/', 'api/http/'] },
  { path: 'api/', imports: ['shared/'] },
  { path: 'worker/', imports: ['shared/'] },
  { path: 'stacks/', imports: DEPLOYMENT_FACTS },
  { path: 'main.ts', imports: ['stacks/', ...DEPLOYMENT_FACTS] },
  { path: 'local/', imports: DEPLOYMENT_FACTS },
  { path: 'lint/', imports: [] },
  { path: 'cli/', imports: [''], never: ['tests/'] },
  { path: 'bench/', imports: [''] },
  { path: 'tests/', imports: [''] },
];

/** The files a process starts with: the only ones that read the environment. */
const ENTRIES = [
  'worker/main.ts',
  'api/serve.ts',
  'api/lambda.ts',
  'api/functions/serve.ts',
  'local/*/main.ts',
  'main.ts',
  'stacks/config.ts',
];

/** Commands and tests start processes, read the environment and construct clients as they need. */
const TOOLS = ['cli/', 'bench/', 'tests/'];

const SPAWNERS = ['worker/launcher/'];

/** Runs on any runtime with web standards: no Bun, no Node but node:crypto. */
const EDGE_FIRST = ['api/', 'shared/'];
const NOT_EDGE_FIRST = ['api/serve.ts', 'api/lambda.ts', 'api/functions/serve.ts', 'api/runtime/'];

const isIn = (file: string, paths: readonly string[]): boolean => paths.some((path) => holds(path, file));

function holds(path: string, file: string): boolean {
  if (path === '' || path === file) return true;
  if (path.endsWith('/')) return file.startsWith(path);
  const segments = path.split('/');
  const others = file.split('/');
  return (
    segments.length === others.length &&
    segments.every((segment, index) => segment === '*' || segment === others[index])
  );
}

/** Why a file may not import another, or undefined when it may. */
export function importProblem(file: string, imported: string): string | undefined {
  const layer = LAYERS.find(({ path }) => holds(path, file));
  if (layer === undefined) return `${file} is in no layer of lint/layers.ts`;
  if (imported === 'package.json') return undefined;
  const allowed = holds(layer.path, imported) || isIn(imported, layer.imports);
  if (allowed && !isIn(imported, layer.never ?? [])) return undefined;
  return `${layer.path} may not import ${imported}`;
}

export const mayReadEnvironment = (file: string): boolean => isIn(file, [...ENTRIES, ...TOOLS]);

export const mayConstructClients = (file: string): boolean =>
  file.split('/').at(-1) === 'deps.ts' || isIn(file, TOOLS);

export const maySpawn = (file: string): boolean => isIn(file, [...SPAWNERS, ...TOOLS]);

export const isEdgeFirst = (file: string): boolean => isIn(file, EDGE_FIRST) && !isIn(file, NOT_EDGE_FIRST);
