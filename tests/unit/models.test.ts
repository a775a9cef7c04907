import { describe, expect, test } from 'bun:test';
import Ajv2020 from 'ajv/dist/2020';
import { type } from 'arktype';
import fc from 'fast-check';
import { MODELS } from '../../cli/schemas.ts';
import { jsonSchemaOf } from '../../shared/model/json-schema.ts';
import { NAUGHTY_STRINGS } from '../api/naughty-strings.ts';
import { type Schema, valuesOf } from '../api/schema-arbitrary.ts';

/** Row D3: a value is valid for a model exactly when it is valid for the model's JSON Schema. */

const RUNS = 200 * Number(process.env['OUTPOST_TEST_SCALE'] ?? 1);

const ajv = new Ajv2020({ strict: false, validateFormats: false });

const junk = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom(...NAUGHTY_STRINGS),
  fc.constantFrom(null, -1, 0, 0.5, 1e308, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER + 1, '', [], {}),
);

/** A valid value, the same with one field spoilt, taken away or added, or anything at all. */
const candidates = (schema: Schema): fc.Arbitrary<unknown> => {
  const valid = valuesOf(schema);
  const spoilt = fc
    .tuple(valid, fc.nat(), junk, fc.constantFrom('spoil', 'remove', 'add'))
    .map(([value, at, wrong, how]) => {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return wrong;
      const names = Object.keys(value);
      const name = names[at % Math.max(names.length, 1)] ?? 'none';
      if (how === 'add') return { ...value, unknown: wrong };
      const rest = Object.fromEntries(Object.entries(value).filter(([each]) => each !== name));
      return how === 'remove' ? rest : { ...rest, [name]: wrong };
    });
  return fc.oneof(
    { weight: 2, arbitrary: valid },
    { weight: 4, arbitrary: spoilt },
    { weight: 1, arbitrary: junk },
  );
};

describe.each(Object.entries(MODELS))('%s', (_, model) => {
  const schema = jsonSchemaOf(model);
  const matches = ajv.compile(schema);

  test('accepts exactly what its JSON Schema accepts', () => {
    const seen = { valid: 0, invalid: 0 };
    fc.assert(
      fc.property(candidates(schema), (value) => {
        const accepted = !(model(structuredClone(value)) instanceof type.errors);
        expect({ value, accepted }).toEqual({ value, accepted: matches(value) });
        seen[accepted ? 'valid' : 'invalid'] += 1;
      }),
      { numRuns: RUNS },
    );
    expect(seen.valid).toBeGreaterThan(0);
    expect(seen.invalid).toBeGreaterThan(0);
  });
});
