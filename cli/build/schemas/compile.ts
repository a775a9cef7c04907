import type { Type } from 'arktype';
import type { Predicate } from './validators.ts';

/**
 * arktype's generated checks as source text: of each schema the functions that say whether a value is valid,
 * shared between schemas as they are in arktype. `precompilation` is an internal of arktype: the version is
 * pinned, whatever is not as expected stops the build, and a test compares the verdicts.
 */
export type Compiled = {
  /** Functions by the name that arktype gives them. */
  readonly functions: ReadonlyMap<string, string>;
  /** The function of each schema that could be compiled, by fingerprint. */
  readonly roots: ReadonlyMap<string, string>;
  /** Schemas that make another value of a value: arktype's alone. */
  readonly left: readonly string[];
};

type Node = { readonly id: string; readonly includesTransform: boolean; readonly precompilation: string };

class Uncompilable extends Error {
  override readonly name = 'Uncompilable';
}

/** Compiles schemas. `slotOf` is where the module keeps a predicate. Throws Uncompilable naming what is new. */
export function compile(
  schemas: ReadonlyMap<string, Type>,
  slotOf: (predicate: Predicate) => number | undefined,
): Compiled {
  const functions = new Map<string, string>();
  // arktype numbers what it makes as it comes, and the same sources must make the same bytes.
  const names = new Map<string, string>();
  const nameOf = (method: string): string => {
    const name = names.get(method) ?? `check${names.size}`;
    names.set(method, name);
    return name;
  };
  const roots = new Map<string, string>();
  const left: string[] = [];
  for (const [fingerprint, type] of schemas) {
    const node = nodeOf(type);
    if (node.includesTransform) {
      left.push(fingerprint);
      continue;
    }
    const root = `${node.id}Allows`;
    const sources = methodsOf(node.precompilation);
    const wanted = [root];
    for (let name = wanted.pop(); name !== undefined; name = wanted.pop()) {
      if (functions.has(name)) continue;
      const body = sources.get(name);
      if (body === undefined) throw new Uncompilable(`arktype wrote no ${name} for ${type.expression}`);
      functions.set(name, `function ${nameOf(name)}(data, ctx) {${rewrite(body, slotOf, nameOf)}}`);
      for (const [, called] of body.matchAll(/this\.(\w+)\(/g)) if (called !== undefined) wanted.push(called);
    }
    roots.set(fingerprint, nameOf(root));
  }
  return { functions, roots, left };
}

function nodeOf(type: Type): Node {
  const { id, includesTransform, precompilation } = Object(type);
  if (
    typeof id !== 'string' ||
    typeof includesTransform !== 'boolean' ||
    typeof precompilation !== 'string'
  ) {
    throw new Uncompilable(`arktype keeps no generated code for ${type.expression}`);
  }
  return { id, includesTransform, precompilation };
}

/** The bodies of the methods of the object that the generated code makes. */
function methodsOf(precompilation: string): Map<string, string> {
  const methods = precompilation.replace(/\}\s*\}\s*$/, '');
  const starts = [...methods.matchAll(/^ {4}(\w+)\(data, ctx\) \{/gm)];
  return new Map(
    starts.map((start, index): [string, string] => {
      const text = methods.slice(start.index + start[0].length, starts[index + 1]?.index);
      return [start[1] ?? '', text.slice(0, text.lastIndexOf('}'))];
    }),
  );
}

function rewrite(
  body: string,
  slotOf: (predicate: Predicate) => number | undefined,
  nameOf: (method: string) => string,
): string {
  const known = body
    .replaceAll(/this\.(\w+)\(/g, (_, method: string) => `${nameOf(method)}(`)
    .replaceAll(/\$ark\d*\.(\w+)/g, (_, name: string) => registered(name, slotOf));
  const unknown = /\bthis\b|\bctx\.(?!path\.(?:push|pop)\()/.exec(known);
  if (unknown !== null)
    throw new Uncompilable(`the generated code uses ${known.slice(unknown.index, unknown.index + 60)}`);
  return known;
}

/** What the generated code refers to by a name in arktype's registry. */
function registered(name: string, slotOf: (predicate: Predicate) => number | undefined): string {
  const value: unknown = Object(globalThis)['$ark'][name];
  if (name === 'isParsableUrl') return 'URL.canParse';
  if (typeof value === 'function') {
    const slot = slotOf(value as Predicate);
    if (slot === undefined) throw new Uncompilable(`the predicate ${name} is not one of .narrow`);
    return `predicates[${slot}]`;
  }
  if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === null) {
    return `{ __proto__: null, ${Object.keys(value)
      .map((key) => `[${JSON.stringify(key)}]: 1`)
      .join(', ')} }`;
  }
  throw new Uncompilable(`the generated code refers to ${name}`);
}
