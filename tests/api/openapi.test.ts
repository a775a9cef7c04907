import { beforeAll, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Ajv2020 from 'ajv/dist/2020';
import { ROUTES } from '../../api/routes/table.ts';
import { ERROR_CODES } from '../../shared/errors.ts';
import { MODELS, openApiText, schemaText } from '../../cli/schemas.ts';
import { DOCUMENT } from '../harness/contract.ts';
import type { TestApi } from '../harness/outpost.ts';
import { sharedOutpost } from '../harness/shared.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

/** The document is well formed, the running app and it agree in both directions, and the copies are current. */

type Content = { schema?: object; example?: unknown; examples?: Record<string, { $ref: string }> };

type Operation = {
  operationId: string;
  tags: string[];
  summary: string;
  security: unknown[];
  parameters: { name: string; in: string; required: boolean; schema: object; example?: unknown }[];
  requestBody?: { required: boolean; content: Record<string, { schema: object; example?: unknown }> };
  responses: Record<
    string,
    { description: string; headers?: Record<string, unknown>; content?: Record<string, Content> }
  >;
};

const PATHS = DOCUMENT['paths'] as Record<string, Record<string, Operation>>;
const OPERATIONS = Object.entries(PATHS).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
);

const COMPONENTS = DOCUMENT['components'] as Record<string, Record<string, { value?: unknown }>>;

const ajv = new Ajv2020({ strict: false, validateFormats: false });
ajv.addSchema({ $id: 'openapi', ...DOCUMENT });

let api: TestApi;

beforeAll(async () => {
  ({ api } = await sharedOutpost());
});

describe('the document', () => {
  test('is OpenAPI 3.1 with the parts that it must have', () => {
    expect(DOCUMENT['openapi']).toMatch(/^3\.1\.\d+$/);
    expect(DOCUMENT['info']).toMatchObject({ title: 'Outpost', version: '1' });
    expect(OPERATIONS.length).toBeGreaterThan(20);
    for (const path of Object.keys(PATHS)) expect(path).toMatch(/^\/[a-z0-9_./{}-]*$/);
  });

  test('names each operation once', () => {
    const ids = OPERATIONS.map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('declares each parameter of each path, and no other', () => {
    for (const { path, operation } of OPERATIONS) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
      const declared = operation.parameters.filter((each) => each.in === 'path');
      expect(declared.map(({ name }) => name).toSorted()).toEqual(inPath.toSorted());
      expect(declared.every(({ required }) => required)).toBe(true);
      const keys = operation.parameters.map((each) => `${each.in} ${each.name}`);
      expect(new Set(keys).size).toBe(keys.length);
    }
  });

  test('has only references that lead somewhere', () => {
    const text = JSON.stringify(DOCUMENT);
    const references = [...text.matchAll(/"\$ref":"#\/components\/(\w+)\/([\w-]+)"/g)];
    expect(new Set(references.map(([, kind]) => kind))).toEqual(new Set(['schemas', 'headers', 'examples']));
    for (const [, kind = '', name = ''] of references)
      expect(Object.keys(COMPONENTS[kind] ?? {})).toContain(name);
    expect(text.match(/"\$ref":/g)).toHaveLength(references.length);
  });

  test('has only valid JSON Schemas', () => {
    for (const { operation } of OPERATIONS) {
      const schemas = [
        ...operation.parameters.map(({ schema }) => schema),
        ...Object.values(operation.requestBody?.content ?? {}).map(({ schema }) => schema),
        ...Object.values(operation.responses).flatMap(({ content }) =>
          Object.values(content ?? {}).map(({ schema }) => schema ?? {}),
        ),
      ];
      for (const schema of schemas) expect(ajv.validateSchema(schema)).toBe(true);
    }
  });

  test('describes success, every refusal and the request id of every operation', () => {
    for (const { operation } of OPERATIONS) {
      const statuses = Object.keys(operation.responses);
      expect(statuses.some((status) => /^[23]/.test(status))).toBe(true);
      for (const [status, answer] of Object.entries(operation.responses)) {
        expect(answer.description).not.toBe('');
        expect(answer.headers).toHaveProperty('x-request-id');
        if (/^[45]/.test(status))
          expect(Object.keys(answer.content ?? {})).toEqual(['application/problem+json']);
      }
      if (operation.security.length > 0)
        expect(statuses).toEqual(expect.arrayContaining(['401', '403', '429']));
    }
  });

  test('has an example for every body, and each is valid', () => {
    for (const { operation } of OPERATIONS) {
      const body = operation.requestBody?.content['application/json'];
      if (operation.requestBody === undefined) continue;
      expect({ id: operation.operationId, example: body?.example }).not.toEqual({
        id: operation.operationId,
        example: undefined,
      });
      expect(ajv.validate(body?.schema ?? false, body?.example)).toBe(true);
    }
  });

  test('has a valid example of every parameter and every header', () => {
    for (const { operation } of OPERATIONS) {
      for (const { name, schema, example } of operation.parameters) {
        expect({
          id: operation.operationId,
          name,
          valid: example !== undefined && ajv.validate(schema, example),
        }).toEqual({ id: operation.operationId, name, valid: true });
      }
    }
    for (const header of Object.values(COMPONENTS['headers'] ?? {}) as Content[]) {
      expect(ajv.validate(header.schema ?? false, header.example)).toBe(true);
    }
  });

  test('has a valid example of every answer, refusals included', () => {
    const shown = new Set<string>();
    for (const { path, method, operation } of OPERATIONS) {
      for (const [status, answer] of Object.entries(operation.responses)) {
        for (const [contentType, { example, examples }] of Object.entries(answer.content ?? {})) {
          // A page and its files are shown by themselves.
          if (['text/html', '*/*'].includes(contentType)) continue;
          const names = Object.values(examples ?? {}).map(({ $ref }) => $ref.split('/').at(-1) ?? '');
          const values =
            example === undefined ? names.map((name) => COMPONENTS['examples']?.[name]?.value) : [example];
          const where = `${method} ${path} ${status}`;
          expect({ where, examples: values.length }).not.toEqual({ where, examples: 0 });
          const pointer = ['paths', path, method, 'responses', status, 'content', contentType, 'schema']
            .map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')))
            .join('/');
          const validate = ajv.getSchema(`openapi#/${pointer}`);
          for (const value of values)
            expect({ where, valid: validate?.(value) }).toEqual({ where, valid: true });
          for (const name of names) {
            shown.add(name);
            expect(answer.description.split(', ')).toContain(name);
            expect(COMPONENTS['examples']?.[name]?.value).toMatchObject({
              code: name,
              status: Number(status),
            });
          }
        }
      }
    }
    // A method that a path does not have belongs to no operation.
    expect([...shown, 'method_not_allowed'].toSorted()).toEqual([...ERROR_CODES].toSorted());
  });

  test('takes an Idempotency-Key on every write, and nowhere else', () => {
    for (const route of ROUTES) {
      const path = route.path.replaceAll(/:(\w+)/g, '{$1}');
      const names = PATHS[path]?.[route.method.toLowerCase()]?.parameters.map(({ name }) => name) ?? [];
      expect(names.includes('idempotency-key')).toBe(route.mutation === true);
      if (route.method !== 'GET' && route.access !== 'public') expect(route.mutation).toBe(true);
    }
  });

  test('names every status that an error code can have', () => {
    const told = new Set(OPERATIONS.flatMap(({ operation }) => Object.keys(operation.responses)));
    for (const status of [
      '400',
      '401',
      '402',
      '403',
      '404',
      '409',
      '413',
      '415',
      '416',
      '429',
      '500',
      '503',
    ]) {
      expect(told).toContain(status);
    }
    expect(ERROR_CODES.length).toBeGreaterThan(10);
  });
});

describe('the running app', () => {
  test('serves the document that the table makes', async () => {
    const served = await (await api.request('GET', '/openapi.json')).json();
    expect(served).toEqual(JSON.parse(JSON.stringify(DOCUMENT)));
  });

  test('implements every operation of the document', async () => {
    for (const { path, method } of OPERATIONS) {
      const url = `${api.endpoint}${path.replaceAll(/\{\w+\}/g, 'x')}`;
      const answer = await fetch(url, { method: method.toUpperCase(), redirect: 'manual' });
      const text = await answer.text();
      expect(text).not.toContain('No such route');
      expect(answer.status).not.toBe(405);
    }
  });

  test('answers 404 or 405 to every method and path that the document does not have', async () => {
    const methods = ['get', 'post', 'put', 'patch', 'delete'];
    for (const [path, known] of Object.entries(PATHS)) {
      const sample = path.replaceAll(/\{\w+\}/g, 'x');
      for (const method of methods.filter((each) => !(each in known))) {
        const shadowed = OPERATIONS.some(
          (each) =>
            each.method === method &&
            new RegExp(`^${each.path.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(sample),
        );
        if (shadowed) continue;
        const answer = await fetch(`${api.endpoint}${sample}`, { method: method.toUpperCase() });
        expect({ path, method, status: answer.status }).toEqual({ path, method, status: 405 });
        expect(answer.headers.get('content-type')).toBe('application/problem+json');
      }
      const beyond = await fetch(`${api.endpoint}${sample}/x/y/z`);
      expect(beyond.status).toBe(404);
    }
  });

  test('shows the interactive page with its files', async () => {
    const page = await (await api.request('GET', '/docs')).text();
    const files = [...page.matchAll(/(?:href|src)="(docs\/[^"]+)"/g)].map(([, file]) => file);
    expect(files.length).toBe(3);
    for (const file of files) {
      const answer = await api.request('GET', `/${file}`);
      expect(answer.status).toBe(200);
      expect((await answer.text()).length).toBeGreaterThan(50);
    }
  });
});

describe('docs', () => {
  const docs = join(import.meta.dir, '../../docs');

  test('hold the current document', () => {
    expect(readFileSync(join(docs, 'openapi.json'), 'utf8')).toBe(openApiText());
  });

  test('hold the current schema of every model, and no other', () => {
    for (const [name, model] of Object.entries(MODELS)) {
      expect(readFileSync(join(docs, 'schemas', `${name}.json`), 'utf8')).toBe(schemaText(name, model));
    }
    const files = Object.keys(MODELS).map((name) => `${name}.json`);
    expect(readdirSync(join(docs, 'schemas')).toSorted()).toEqual(files.toSorted());
  });
});
