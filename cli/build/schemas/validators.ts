/**
 * What a bundle knows of its schemas. Empty here: the build puts the generated module in this one's place
 * (compile.ts), and a schema that it does not know is left to arktype.
 */
export type CheckContext = {
  readonly path: { push(key: PropertyKey): void; pop(): void };
  mustBe(expected: string): false;
};
export type Predicate = (value: unknown, context: CheckContext) => unknown;

/** Whether a value is valid, by the schema's fingerprint. A schema that is not here is arktype's alone. */
export const validators: ReadonlyMap<string, (value: unknown) => boolean> = new Map();

/** The names of a schema's properties, where a module asks for them while it is loaded. */
export const properties: ReadonlyMap<string, readonly string[]> = new Map();

/** Where the predicate of a `.narrow` belongs: the generated code calls it there. */
export const slots: ReadonlyMap<string, number> = new Map();
export const predicates: Predicate[] = [];
