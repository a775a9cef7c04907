import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import fc, { type Arbitrary } from 'fast-check';
import { startBilling } from '../../cli/start/billing.ts';
import { type Aws } from '../../shared/deps.ts';
import { type Child, startChild } from '../harness/child.ts';
import { DOCUMENT } from '../harness/contract.ts';
import { type LocalAws, startLocalAws } from '../harness/local-aws.ts';
import { awsOf, createTestTenant, startApi, type TestApi, type TestTenant } from '../harness/outpost.ts';
import { SCOPES } from '../../shared/model/api-key.ts';
import { NAUGHTY_STRINGS } from './naughty-strings.ts';
import { type Schema, valuesOf } from './schema-arbitrary.ts';
import { createWorld, type World } from './world.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

/**
 * Whatever is sent, the API answers what its document says, and never 5xx: inputs generated from the document,
 * and naughty strings through each string field. The harness holds every answer to the document.
 */

const SCALE = Number(process.env['OUTPOST_TEST_SCALE'] ?? 1);
const RUNS = 100 * SCALE;
/** At the full scale each field gets every string; below, a share, so that all fields together get all. */
const SHARES = SCALE >= 10 ? 1 : 12;
/** The share that the next field gets. */
let next = 0;
const PARALLEL = 8;
/** Generated calls that are under way at once: the three processes wait for each other otherwise. */
const CHAINS = 4;

const ROTATION_ARN = 'arn:aws:lambda:us-east-1:000000000000:function:outpost-rotation-local';

type Parameter = { name: string; in: 'path' | 'query' | 'header'; required: boolean; schema: Schema };
type Operation = {
  operationId: string;
  parameters: Parameter[];
  requestBody?: { content: { 'application/json': { schema: Schema; example?: object } } };
};
type Input = {
  path: Record<string, string>;
  query: Record<string, string>;
  headers: Record<string, string>;
  body: unknown;
};

const OPERATIONS: [string, string, string, Operation][] = Object.entries(
  DOCUMENT['paths'] as Record<string, Record<string, Operation>>,
).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]): [string, string, string, Operation] => [
    operation.operationId,
    method.toUpperCase(),
    path,
    operation,
  ]),
);

let local: LocalAws;
let aws: Aws;
let api: TestApi;
/** Who calls. A fresh one for each operation: an accepted input may have set its spend cap, or changed its plan. */
let operator: TestTenant;
let stripe: Child;
let stripeFolder: string;
/** What generated calls may hit, and may delete. */
let target: World;

// A local AWS of its own: what is accepted here would flood the queues of the other files.
beforeAll(async () => {
  local = await startLocalAws({ withOutpost: true });
  aws = awsOf(local);
  stripeFolder = mkdtempSync(join(tmpdir(), 'outpost-property-'));
  const billing = await startBilling({}, 'https://console.example/billing', async (env) => {
    stripe = await startChild('local/stripe/main.ts', { OUTPOST_DATA_DIR: stripeFolder, ...env });
    return stripe;
  });
  api = await startApi(local, { OUTPOST_ROTATION_FUNCTION_ARN: ROTATION_ARN, ...billing.env });
});

const createOperator = (): Promise<TestTenant> => createTestTenant(aws.store, { scopes: SCOPES });

afterAll(async () => {
  await api.stop();
  await stripe.stop();
  await local.stop();
  rmSync(stripeFolder, { recursive: true, force: true });
});

/** Header values as fetch can send them. */
const headerText = fc.string({
  unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
});

const junk: Arbitrary<unknown> = fc.oneof(fc.jsonValue(), fc.constantFrom(...NAUGHTY_STRINGS));
/** The HTTP server itself refuses (431) what is beyond 16 KB before the body. */
const URL_TEXT_MAX = 400;
const junkText = fc
  .oneof(fc.string({ unit: 'binary' }), fc.constantFrom(...NAUGHTY_STRINGS))
  .map((text) => text.slice(0, URL_TEXT_MAX));

/** Mostly valid values, so that calls get past the first check; every kind of wrong one as well. */
function bodies(operation: Operation): Arbitrary<unknown> {
  const schema = operation.requestBody?.content['application/json'].schema;
  if (schema === undefined) return fc.constant(undefined);
  const valid = valuesOf(schema);
  const fields = Object.keys(schema.properties ?? {});
  const spoilt = fc
    .tuple(valid, fc.constantFrom(...fields, 'unknown', '__proto__'), junk)
    .map(([body, field, value]) => ({ ...(body as object), [field]: value }));
  return fc.oneof(
    { weight: 3, arbitrary: valid },
    { weight: 4, arbitrary: spoilt },
    { weight: 1, arbitrary: junk },
  );
}

function parameters(operation: Operation, where: Parameter['in']): Arbitrary<Record<string, string>> {
  const own = operation.parameters.filter((each) => each.in === where);
  const values = own.map(({ name, schema }): [string, Arbitrary<string>] => {
    const valid = where === 'path' ? fc.constant(`{${name}}`) : valuesOf(schema).map(String);
    const wrong = where === 'header' ? headerText : junkText;
    return [
      name,
      fc.oneof(
        { weight: 3, arbitrary: valid.map((text) => (where === 'header' ? asciiOnly(text) : text)) },
        { weight: 1, arbitrary: wrong },
      ),
    ];
  });
  const requiredKeys = where === 'path' ? own.map(({ name }) => name) : [];
  const named: Arbitrary<Record<string, string>> = fc.record(Object.fromEntries(values), {
    requiredKeys,
    noNullPrototype: true,
  });
  if (where !== 'query') return named;
  const extra = fc.oneof(
    { weight: 6, arbitrary: fc.constant({}) },
    { weight: 1, arbitrary: fc.dictionary(junkText, junkText, { maxKeys: 2, noNullPrototype: true }) },
  );
  return fc.tuple(named, extra).map(([query, more]) => ({ ...more, ...query }));
}

const asciiOnly = (text: string): string => text.replaceAll(/[^\x20-\x7e]/g, '');

const inputs = (operation: Operation): Arbitrary<Input> =>
  fc.record(
    {
      path: parameters(operation, 'path'),
      query: parameters(operation, 'query'),
      headers: parameters(operation, 'header'),
      body: bodies(operation),
    },
    { noNullPrototype: true },
  );

/** The answer's status, and what the log says of a fault of ours: any 5xx. */
type Sent = { readonly status: number; readonly fault: unknown };

async function send(method: string, template: string, input: Input): Promise<Sent> {
  const path = template.replaceAll(/\{(\w+)\}/g, (_, name: keyof World['params']) => {
    const value = input.path[name] ?? '';
    if (value === `{${name}}`) return target.params[name] ?? 'swagger-ui.css';
    // A URL cannot carry a lone surrogate, and `.` and `..` name another path.
    const escaped = encodeURIComponent(value.toWellFormed());
    return /^\.{0,2}$/.test(escaped) ? 'x' : escaped;
  });
  const query = new URLSearchParams(input.query).toString();
  const withBody = method !== 'GET' && method !== 'DELETE' && input.body !== undefined;
  const answer = await api.request(method, query === '' ? path : `${path}?${query}`, {
    key: operator.apiKey,
    headers: input.headers,
    ...(withBody ? { body: JSON.stringify(input.body) } : {}),
  });
  const fault = answer.status >= 500 && logged(answer);
  // A stream of events stays open.
  await answer.body?.cancel();
  return { status: answer.status, fault };
}

const logged = (answer: Response): unknown =>
  api.logs().filter((line) => line['request_id'] === answer.headers.get('x-request-id'));

describe.each(OPERATIONS)('%s', (_, method, path, operation) => {
  beforeAll(async () => {
    operator = await createOperator();
    target = await createWorld(api, aws);
  });

  test(
    'answers generated inputs as documented, never 5xx',
    async () => {
      const statuses = new Set<number>();
      let sent = 0;
      const property = fc.asyncProperty(inputs(operation), async (input) => {
        const { status, fault } = await send(method, path, input);
        statuses.add(status);
        sent += 1;
        expect({ status, fault }).toEqual({ status, fault: false });
      });
      const chain = () => fc.assert(property, { numRuns: RUNS / CHAINS, endOnFailure: true });
      await Promise.all(Array.from({ length: CHAINS }, chain));
      expect(statuses.size).toBeGreaterThan(0);
      expect(sent).toBeGreaterThanOrEqual(RUNS);
    },
    120_000 * SCALE,
  );

  const naughtyInputs = stringFields(operation);
  if (naughtyInputs.length > 0) {
    test(
      `answers naughty strings in each of ${naughtyInputs.length} fields as documented, never 5xx`,
      async () => {
        for (const { name, texts, input } of naughtyInputs) {
          expect({ name, enough: texts.length >= 400 }).toEqual({ name, enough: true });
          next = (next + 1) % SHARES;
          const share = texts.filter((__, index) => index % SHARES === next);
          for (let start = 0; start < share.length; start += PARALLEL) {
            await Promise.all(
              share.slice(start, start + PARALLEL).map(async (text) => {
                const { fault } = await send(method, path, input(text));
                expect({ name, text, fault }).toEqual({ name, text, fault: false });
              }),
            );
          }
        }
      },
      120_000 * SCALE,
    );
  }
});

type StringField = {
  readonly name: string;
  /** The naughty strings, each once, as this field can carry them. */
  readonly texts: readonly string[];
  /** An input with one of them in this field, the rest valid. */
  readonly input: (text: string) => Input;
};

const distinct = (carry: (text: string) => string): string[] => [...new Set(NAUGHTY_STRINGS.map(carry))];

/** A URL takes any text, if not all of it; a header takes bytes, which are UTF-8's here. */
const CARRIED: Readonly<Record<Parameter['in'], readonly string[]>> = {
  path: distinct((text) => text.slice(0, URL_TEXT_MAX)),
  query: distinct((text) => text.slice(0, URL_TEXT_MAX)),
  header: distinct((text) => headerBytes(text).slice(0, URL_TEXT_MAX)),
};

/** Without control characters, which HTTP forbids. */
function headerBytes(text: string): string {
  const bytes = Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join('');
  return bytes.replaceAll(/[\u0000-\u0008\u000a-\u001f\u007f]/g, '');
}

/** The fields of an operation that take text: parameters, and properties that are texts, or lists or maps of them. */
function stringFields(operation: Operation): StringField[] {
  const json = operation.requestBody?.content['application/json'];
  const example = json?.example ?? {};
  const path = Object.fromEntries(
    operation.parameters.filter((each) => each.in === 'path').map(({ name }) => [name, `{${name}}`]),
  );
  const valid: Input = { path, query: {}, headers: {}, body: json && example };
  const ofParameters = operation.parameters.map((parameter): StringField => {
    const key = parameter.in === 'header' ? 'headers' : parameter.in;
    return {
      name: `${parameter.in} ${parameter.name}`,
      texts: CARRIED[parameter.in],
      input: (text) => ({ ...valid, [key]: { ...valid[key], [parameter.name]: text } }),
    };
  });
  const ofBody = Object.entries(json?.schema.properties ?? {}).flatMap(([name, schema]) =>
    placesOfText(schema).map(({ suffix, put }): StringField => ({
      name: `${name}${suffix}`,
      texts: NAUGHTY_STRINGS,
      input: (text) => ({ ...valid, body: { ...example, [name]: put(text) } }),
    })),
  );
  return [...ofParameters, ...ofBody];
}

type Place = { readonly suffix: string; readonly put: (text: string) => unknown };

function placesOfText(schema: Schema): Place[] {
  const places = (schema.anyOf ?? schema.oneOf ?? []).flatMap(placesOfText);
  const values = schema.enum ?? ('const' in schema ? [schema.const] : []);
  if (schema.type === 'string' || values.some((value) => typeof value === 'string')) {
    places.push({ suffix: '', put: (text) => text });
  }
  if (schema.items !== undefined && placesOfText(schema.items).length > 0) {
    places.push({ suffix: '[]', put: (text) => [text] });
  }
  if (schema.patternProperties !== undefined) {
    places.push(
      { suffix: ' name', put: (text) => ({ [text]: 'value' }) },
      { suffix: ' value', put: (text) => ({ label: text }) },
    );
  }
  return places;
}

test('the list is as long as promised, and no string is in it twice', () => {
  expect(NAUGHTY_STRINGS.length).toBeGreaterThanOrEqual(400);
});

test('what is accepted as a command comes back as it was sent', async () => {
  operator = await createOperator();
  const accepted = NAUGHTY_STRINGS.filter((_, index) => index % SHARES === 0);
  let kept = 0;
  for (const command of accepted) {
    const answer = await api.request('POST', '/jobs', {
      key: operator.apiKey,
      body: { agent: 'codex', command },
    });
    if (answer.status !== 202) continue;
    const { job_id: jobId } = await answer.json();
    const job = await (await api.request('GET', `/jobs/${jobId}`, { key: operator.apiKey })).json();
    // UTF-8 has no lone surrogates: they become U+FFFD on the way.
    expect(job.command).toBe(command.toWellFormed());
    kept += 1;
  }
  expect(kept).toBeGreaterThan(accepted.length / 2);
});
