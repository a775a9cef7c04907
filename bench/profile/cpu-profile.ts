/** A profile of V8's format, as `bun --cpu-prof` writes it: https://chromedevtools.github.io/devtools-protocol/tot/Profiler/ */
export type CpuProfile = {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
    readonly children?: readonly number[];
  }[];
  readonly samples: readonly number[];
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[];
};

export type Hot = { readonly name: string; readonly milliseconds: number };
export type Summary = {
  readonly milliseconds: number;
  /** By package or folder of ours: its own time, with that of the runtime's functions that it called. */
  readonly modules: readonly Hot[];
  readonly functions: readonly Hot[];
};

/** What belongs to no module: loading the bundle, and running the modules one after the other. */
const BUNDLE_ITSELF = 'the bundle itself';

/** The module that each line of an unminified bundle came from: the bundler names it in a comment before it. */
export function modulesByLine(bundle: string): string[] {
  let current = BUNDLE_ITSELF;
  return bundle.split('\n').map((line) => {
    const named = /^\s*\/\/ ((?:\.\.\/)*(?:node_modules|api|shared|cli)\/\S+)$/.exec(line)?.[1];
    if (named !== undefined) current = named;
    return current;
  });
}

/**
 * Sums the last `lastMs` of a profile by module and by function. `bundle` is the file's name, `lines` what
 * `modulesByLine` said.
 */
export function summarize(
  profile: CpuProfile,
  bundle: string,
  lines: readonly string[],
  lastMs = Infinity,
): Summary {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map(
    profile.nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])),
  );
  const modules = new Map<string, number>();
  const functions = new Map<string, number>();
  let total = 0;
  let left = profile.timeDeltas.reduce((sum, delta) => sum + delta, 0) / 1000;
  for (const [index, sample] of profile.samples.entries()) {
    const time = (profile.timeDeltas[index] ?? 0) / 1000;
    const isLast = left <= lastMs;
    left -= time;
    const name = nodes.get(sample)?.callFrame.functionName ?? '';
    if (!isLast || name === '(idle)' || name === '(program)') continue;
    total += time;
    let owner = nodes.get(sample);
    while (owner !== undefined && !owner.callFrame.url.endsWith(bundle)) {
      owner = nodes.get(parents.get(owner.id) ?? -1);
    }
    const file = owner === undefined ? 'runtime' : (lines[owner.callFrame.lineNumber] ?? BUNDLE_ITSELF);
    add(modules, packageOf(file), time);
    const within = owner?.callFrame.functionName || 'module';
    add(functions, `${name || 'module'} in ${shortPath(file)}${within === name ? '' : ` (${within})`}`, time);
  }
  return { milliseconds: total, modules: ranked(modules), functions: ranked(functions) };
}

const add = (sums: Map<string, number>, name: string, time: number): void =>
  void sums.set(name, (sums.get(name) ?? 0) + time);

const ranked = (sums: ReadonlyMap<string, number>): Hot[] =>
  [...sums]
    .map(([name, milliseconds]) => ({ name, milliseconds }))
    .toSorted((a, b) => b.milliseconds - a.milliseconds);

const shortPath = (file: string): string => file.replace(/^.*node_modules\//, '');

/** `@aws-sdk/core` of a package's file, `api/http` of ours. */
function packageOf(file: string): string {
  const parts = shortPath(file).split('/');
  const isScoped = file.includes('node_modules/') && parts[0]?.startsWith('@') === true;
  if (file.includes('node_modules/') && !isScoped) return parts[0] ?? file;
  return parts.slice(0, 2).join('/');
}

/** A table for the terminal: the first `most`, each with its share of the whole. */
export function formatHot(title: string, hot: readonly Hot[], total: number, most: number): string {
  const rows = hot.slice(0, most).map(({ name, milliseconds }) => {
    const share = total === 0 ? 0 : (100 * milliseconds) / total;
    return `${milliseconds.toFixed(1).padStart(9)} ms ${share.toFixed(1).padStart(5)} %  ${name}`;
  });
  return [title, ...rows, ''].join('\n');
}
