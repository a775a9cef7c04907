import fc, { type Arbitrary } from 'fast-check';

/** JSON Schema, as far as models use it, as a fast-check arbitrary of values that are valid. */
export type Schema = {
  readonly $ref?: string;
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly pattern?: string;
  readonly format?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly patternProperties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
};

const KNOWN = new Set(
  '$schema title description type const enum anyOf oneOf pattern format minLength maxLength minimum maximum items minItems maxItems properties required patternProperties additionalProperties'.split(
    ' ',
  ),
);

/** Throws for a keyword that it does not know: what it would generate then could be wrong. */
export function valuesOf(schema: Schema): Arbitrary<unknown> {
  for (const keyword of Object.keys(schema)) {
    if (!KNOWN.has(keyword)) throw new Error(`no arbitrary for the JSON Schema keyword ${keyword}`);
  }
  if ('const' in schema) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  const branches = schema.anyOf ?? schema.oneOf;
  if (branches !== undefined) return fc.oneof(...branches.map(valuesOf));
  switch (schema.type) {
    case undefined:
      return fc.jsonValue();
    case 'null':
      return fc.constant(null);
    case 'boolean':
      return fc.boolean();
    case 'integer':
      return fc.integer({
        min: schema.minimum ?? -1_000_000,
        max: Math.min(schema.maximum ?? 1_000_000, Number.MAX_SAFE_INTEGER),
      });
    case 'number':
      return fc.double({
        noNaN: true,
        noDefaultInfinity: true,
        min: schema.minimum ?? -1e9,
        max: schema.maximum ?? 1e9,
      });
    case 'string':
      return stringsOf(schema);
    case 'array':
      return fc.array(valuesOf(schema.items ?? {}), {
        minLength: schema.minItems ?? 0,
        maxLength: schema.maxItems ?? 4,
      });
    case 'object':
      return objectsOf(schema);
    default:
      throw new Error(`no arbitrary for the JSON Schema type ${schema.type}`);
  }
}

function stringsOf({ pattern, format, minLength = 0, maxLength = 200 }: Schema): Arbitrary<string> {
  if (format === 'uri') return fc.webUrl();
  if (pattern === undefined)
    return fc
      .string({ unit: 'grapheme', minLength: Math.min(minLength, maxLength), maxLength })
      .filter((text) => text.length >= minLength && text.length <= maxLength);
  const regex = new RegExp(pattern);
  // fast-check knows no lookaheads: left out here, they are checked afterwards.
  return fc
    .stringMatching(new RegExp(withoutLookaheads(pattern)))
    .filter((text) => regex.test(text) && text.length <= maxLength && text.length >= minLength);
}

function withoutLookaheads(pattern: string): string {
  const start = pattern.indexOf('(?!');
  if (start < 0) return pattern;
  let depth = 0;
  let end = start;
  do {
    if (pattern[end] === '(') depth += 1;
    if (pattern[end] === ')') depth -= 1;
    end += 1;
  } while (depth > 0);
  return withoutLookaheads(pattern.slice(0, start) + pattern.slice(end));
}

function objectsOf(schema: Schema): Arbitrary<object> {
  const properties: Record<string, Arbitrary<unknown>> = {};
  for (const [name, each] of Object.entries(schema.properties ?? {})) properties[name] = valuesOf(each);
  const named: Arbitrary<object> = fc.record(properties, {
    requiredKeys: schema.required === undefined ? [] : [...schema.required],
    noNullPrototype: true,
  });
  const [pattern, value] = Object.entries(schema.patternProperties ?? {})[0] ?? ['^[a-z]{1,8}$', undefined];
  const free =
    value ?? (typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined);
  if (free === undefined) return named;
  const others = fc.dictionary(stringsOf({ pattern }), valuesOf(free), { maxKeys: 4, noNullPrototype: true });
  return fc.tuple(others, named).map(([more, own]) => ({ ...more, ...own }));
}
