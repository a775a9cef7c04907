import type { Type } from 'arktype';

/** A schema of a bundle. */
export type Schema = {
  /** How it was defined; undefined where that cannot be told in words. */
  readonly text: string | undefined;
  /**
   * A hash of `text`: the same in the build that compiled the schema and in the process that defines it anew.
   */
  readonly fingerprint: string | undefined;
  /** The value that a valid one becomes, or UNDECIDED. */
  readonly decide: (value: unknown) => unknown;
  /** What calling the schema does: the value that a valid one becomes, or arktype's errors. */
  readonly check: (value: unknown) => unknown;
  /** The schema as arktype makes it. */
  readonly real: () => Type;
};

const schemas = new WeakMap<object, Schema>();

export function register(callable: object, schema: Schema): void {
  schemas.set(callable, schema);
}

/** The schema behind what `type` answered with. */
export const schemaOf = (value: unknown): Schema | undefined =>
  typeof value === 'function' ? schemas.get(value) : undefined;

/**
 * A definition in words, which no other definition has; undefined where there are none: for a function, an
 * instance of a class, or what contains one.
 */
export function definitionText(
  operation: string,
  args: readonly unknown[],
  subject?: Schema,
): string | undefined {
  try {
    const words = args.map(wordsOf);
    return `${operation}(${[...(subject === undefined ? [] : [nameOf(subject)]), ...words].join()})`;
  } catch (error) {
    if (error instanceof Undescribable) return undefined;
    throw error;
  }
}

class Undescribable extends Error {
  override readonly name = 'Undescribable';
}

function nameOf({ fingerprint }: Schema): string {
  if (fingerprint === undefined) throw new Undescribable();
  return `#${fingerprint}`;
}

function wordsOf(definition: unknown): string {
  const schema = schemaOf(definition);
  if (schema !== undefined) return nameOf(schema);
  if (definition instanceof RegExp) return String(definition);
  if (Array.isArray(definition)) return `[${definition.map(wordsOf).join()}]`;
  if (isPlain(definition)) {
    const fields = Object.entries(definition).map(
      ([name, value]) => `${JSON.stringify(name)}:${wordsOf(value)}`,
    );
    return `{${fields.join()}}`;
  }
  if (definition === null || ['string', 'number', 'boolean', 'undefined'].includes(typeof definition)) {
    return JSON.stringify(definition) ?? 'undefined';
  }
  throw new Undescribable();
}

const isPlain = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;

/** A definition with arktype's own schemas in the place of ours. */
export function realDefinition(definition: unknown): unknown {
  const schema = schemaOf(definition);
  if (schema !== undefined) return schema.real();
  if (Array.isArray(definition)) return definition.map(realDefinition);
  if (!isPlain(definition)) return definition;
  return Object.fromEntries(Object.entries(definition).map(([name, value]) => [name, realDefinition(value)]));
}
