import { beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import type { ArkErrors, Type } from 'arktype';
import { type } from 'arktype';
import fc, { type Arbitrary } from 'fast-check';
import { functionEntries } from '../../cli/build/functions.ts';
import { WORKER_ENTRIES } from '../../cli/build/worker-context.ts';
import { recordSchemas, type Recorded } from '../../cli/build/schemas/record.ts';
import type { Schema } from '../../cli/build/schemas/schema.ts';
import { writeValidators } from '../../cli/build/schemas/validators-module.ts';
import { jsonSchemaOf } from '../../shared/model/json-schema.ts';
import { valuesOf } from '../api/schema-arbitrary.ts';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

/**
 * The functions and the worker that are deployed check their input with compiled schemas (cli/build/schemas). These tests hold
 * them to the schemas as the source defines them: the same verdicts, values and errors.
 */
const INPUTS = 20_000;
const SEED = Number(process.env['OUTPOST_FUZZ_SEED'] ?? 20_261_124);

let deployed: Recorded;
/** Fingerprints of schemas that arktype alone decides. */
let left: readonly string[];
/** Schemas as the source exports them, by what arktype says they are. */
const exported = new Map<string, Type>();

beforeAll(async () => {
  const entries = [...functionEntries(), ...WORKER_ENTRIES];
  const compiled = await writeValidators(entries);
  left = compiled.left;
  deployed = await recordSchemas(entries, compiled.source);
  for (const module of deployed.modules) {
    const values: Record<string, unknown> = await import(module);
    for (const value of Object.values(values)) if (isType(value)) exported.set(identity(value), value);
  }
});

const isType = (value: unknown): value is Type =>
  typeof value === 'function' && 'toJsonSchema' in value && 'expression' in value;
/** Predicates are numbered as they come; the schema that one narrows tells them apart. */
const identity = (schema: Type): string =>
  JSON.stringify(schema.json).replaceAll(/\$ark\.([A-Za-z]+)\d*/g, '$ark.$1');

/** Definitions that turn text into something else. */
const TRANSFORMS = /^(?:type\("string\.(?:json|integer)\.parse"\)|to\()/;

test('every schema is compiled but those that transform', () => {
  const texts = left.map((fingerprint) => deployed.schemas.get(fingerprint)?.text ?? 'unknown');
  expect(texts.filter((text) => !TRANSFORMS.test(text))).toEqual([]);
  expect(deployed.schemas.size).toBeGreaterThan(150);
});

test('every exported schema is among them, as it is exported', () => {
  const recorded = new Set([...deployed.schemas.values()].map(({ real }) => identity(real())));
  expect(exported.size).toBeGreaterThan(50);
  expect([...exported.keys()].filter((each) => !recorded.has(each))).toEqual([]);
});

test(`${INPUTS} random inputs get the same verdict, value and errors`, () => {
  console.log(`seed ${SEED} (OUTPOST_FUZZ_SEED)`);
  const schemas = [...deployed.schemas.values()];
  const each = Math.ceil(INPUTS / schemas.length);
  const counts = { inputs: 0, accepted: 0, decided: 0 };
  for (const [index, schema] of schemas.entries()) {
    const real = exported.get(identity(schema.real())) ?? schema.real();
    for (const input of inputsOf(schema, each, SEED + index)) {
      const wanted = outcome(real(input));
      const found = outcome(schema.check(input));
      const context = { schema: schema.text, input };
      expect({ ...context, ...found }).toEqual({ ...context, ...wanted });
      counts.inputs += 1;
      if (wanted.valid) counts.accepted += 1;
      // Valid and yet undecided would only be slow; it is what this is for, so it counts as a mismatch.
      const decided = typeof schema.decide(input) !== 'symbol';
      expect({ ...context, decided }).toEqual({ ...context, decided: wanted.valid });
      if (decided) counts.decided += 1;
    }
  }
  console.log(JSON.stringify(counts));
  expect(counts.inputs).toBeGreaterThanOrEqual(INPUTS);
  expect(counts.accepted).toBeGreaterThan(INPUTS / 5);
  expect(counts.inputs - counts.accepted).toBeGreaterThan(INPUTS / 5);
});

function outcome(result: unknown) {
  if (!(result instanceof type.errors)) return { valid: true, value: result };
  return { valid: false, errors: errorsOf(result) };
}

const errorsOf = (errors: ArkErrors) =>
  [...errors].map(({ path, code, expected, message }) => ({ path: [...path], code, expected, message }));

/** Valid values, values one change away from them, and anything. */
function inputsOf(schema: Schema, count: number, seed: number): unknown[] {
  const written = (value: unknown): unknown => (readsText(schema) ? textOf(value) : value);
  const valid = validValues(schema);
  const damaged = fc.tuple(valid, fc.nat(), junk).map(([value, at, other]) => damage(value, at, other));
  const inputs = fc.oneof(
    { weight: 5, arbitrary: valid.map(written) },
    { weight: 4, arbitrary: damaged.map(written) },
    { weight: 1, arbitrary: junk },
  );
  return fc.sample(inputs, { numRuns: count, seed });
}

const textOf = (value: unknown): string | undefined =>
  JSON.stringify(value, (_, member: unknown) => (typeof member === 'bigint' ? String(member) : member));

/** Whether a schema takes text and makes something of it. */
const readsText = ({ text }: Schema): boolean => /^(?:type\("string\.\w+\.parse"\)|to\()/.test(text ?? '');

function validValues(schema: Schema): Arbitrary<unknown> {
  if (schema.text === 'type("string.json.parse")') return fc.jsonValue();
  const real = schema.real();
  return valuesOf(jsonSchemaOf(readsText(schema) ? real.out : real));
}

/** A value with one part of it replaced, removed or added. */
function damage(value: unknown, at: number, other: unknown): unknown {
  if (typeof value !== 'object' || value === null) return other;
  const entries = Object.entries(value);
  const index = at % (entries.length + 1);
  const [name, member] = entries[index] ?? [`extra${at % 3}`, undefined];
  const changed = at % 4 === 0 ? [] : [[name, at % 4 === 1 ? damage(member, at >> 2, other) : other]];
  if (Array.isArray(value))
    return [...value.slice(0, index), ...changed.map(([, each]) => each), ...value.slice(index + 1)];
  return { ...Object.fromEntries(entries.filter(([each]) => each !== name)), ...Object.fromEntries(changed) };
}

const junk = fc.oneof(
  fc.constantFrom(
    undefined,
    null,
    '',
    '0',
    '-0',
    '007',
    0,
    -0,
    -1,
    1.5,
    NaN,
    Infinity,
    2 ** 53,
    true,
    [],
    {},
    [[]],
  ),
  fc.jsonValue(),
  fc.string(),
  fc.constantFrom(() => 0, new Date(0), Symbol.iterator, 10n, JSON.parse('{"__proto__":1}'), {
    constructor: 'x',
  }),
);
