import type { Type } from 'arktype';
import { ERROR_CODES, type ErrorCode, OutpostError } from '../../shared/errors.ts';
import { API_KEY_PATTERN, ApiKey } from '../../shared/model/api-key.ts';
import { AuditEntry } from '../../shared/model/audit-entry.ts';
import { jsonSchemaOf } from '../../shared/model/json-schema.ts';
import { JobEvent } from '../../shared/model/event.ts';
import { Job } from '../../shared/model/job.ts';
import { Tenant } from '../../shared/model/tenant.ts';
import { ANSWER_EXAMPLES, EXAMPLE_REQUEST_ID, PARAMETER_EXAMPLES } from './examples.ts';
import { problemBody, STATUS_OF, TITLES } from './problem.ts';
import { Problem } from './problem-model.ts';
import type { Route } from './route.ts';

type Json = Record<string, unknown>;

/** Models that the document names once and refers to. */
const MODELS: Readonly<Record<string, Type>> = { Job, JobEvent, Tenant, ApiKey, AuditEntry, Problem };

/** The OpenAPI 3.1 document of a table of routes: everything that the app serves, and nothing else. */
export function openApiDocument(routes: readonly Route[], agents: readonly string[]): Json {
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    const path = route.path.replaceAll(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route, agents) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Outpost',
      version: '1',
      description: 'Dispatch AI coding agents: your keys, your workspace, live and replayable events.',
    },
    paths,
    components: {
      schemas: Object.fromEntries(Object.entries(MODELS).map(([name, model]) => [name, jsonSchema(model)])),
      headers: HEADERS,
      examples: Object.fromEntries(ERROR_CODES.map((code) => [code, problemExample(code)])),
      securitySchemes: {
        apiKey: {
          type: 'http',
          scheme: 'bearer',
          description: `An API key: ${API_KEY_PATTERN.source}`,
        },
      },
    },
  };
}

/** Headers of answers that the document describes once. */
const HEADERS = {
  'x-request-id': {
    description: 'Names this call in the audit log.',
    required: true,
    schema: { type: 'string' },
    example: EXAMPLE_REQUEST_ID,
  },
  ratelimit: {
    description: 'Requests that the key has left in this minute, and seconds until the next.',
    schema: { type: 'string', pattern: '^"key";r=\\d+;t=\\d+$' },
    example: '"key";r=994;t=37',
  },
  'ratelimit-policy': {
    description: 'Requests that the key may send in a window of so many seconds.',
    schema: { type: 'string', pattern: '^"key";q=\\d+;w=60$' },
    example: '"key";q=1000;w=60',
  },
  'retry-after': {
    description: 'Seconds to wait before trying again.',
    schema: { type: 'string', pattern: '^\\d+$' },
    example: '37',
  },
  'www-authenticate': {
    description: 'How to authenticate.',
    required: true,
    schema: { type: 'string' },
    example: 'Bearer realm="outpost"',
  },
  'idempotency-replayed': {
    description: 'Present when this is the answer to an earlier request with the same Idempotency-Key.',
    schema: { const: 'true' },
    example: 'true',
  },
} as const;

const problemExample = (code: ErrorCode): Json => ({
  summary: TITLES[code],
  value: problemBody(new OutpostError(code, `${TITLES[code]}.`), EXAMPLE_REQUEST_ID),
});

/** The JSON Schema of a model, without the dialect line that OpenAPI 3.1 implies. */
function jsonSchema(model: Type): Json {
  const { $schema: _, ...schema } = jsonSchemaOf(model) as Json;
  return schema;
}

function reference(model: Type): Json {
  const name = Object.entries(MODELS).find(([, known]) => known === model)?.[0];
  return name === undefined ? jsonSchema(model) : { $ref: `#/components/schemas/${name}` };
}

function operation(route: Route, agents: readonly string[]): Json {
  return {
    operationId: route.operationId,
    tags: [route.tag],
    summary: route.summary,
    ...(route.description === undefined ? {} : { description: route.description }),
    ...(route.access === 'public'
      ? { security: [] }
      : { security: [{ apiKey: [] }], 'x-scope': route.access }),
    parameters: [
      ...objectParameters(route.params, 'path'),
      ...objectParameters(route.query, 'query'),
      ...headers(route),
    ],
    ...requestBody(route, agents),
    responses: responses(route),
  };
}

function objectParameters(model: Type | undefined, where: 'path' | 'query'): Json[] {
  if (model === undefined) return [];
  const { properties = {}, required = [] } = jsonSchema(model) as {
    properties?: Record<string, Json>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: where,
    required: where === 'path' || required.includes(name),
    schema,
    ...parameterExample(name),
  }));
}

const parameterExample = (name: string): Json =>
  name in PARAMETER_EXAMPLES ? { example: PARAMETER_EXAMPLES[name] } : {};

function headers(route: Route): Json[] {
  const named = Object.entries(route.requestHeaders ?? {}).map(([name, description]) => ({
    name,
    in: 'header',
    required: false,
    description,
    schema: { type: 'string' },
    ...parameterExample(name),
  }));
  if (route.mutation === undefined) return named;
  return [
    ...named,
    {
      name: 'idempotency-key',
      in: 'header',
      required: false,
      description: 'Makes a repetition safe for 24 hours: the same answer again, and nothing happens twice.',
      schema: { type: 'string', pattern: '^[\\x21-\\x7e]{1,255}$' },
      ...parameterExample('idempotency-key'),
    },
  ];
}

function requestBody(route: Route, agents: readonly string[]): Json {
  if (route.rawBody !== undefined) {
    const json = { schema: { type: 'object' }, example: route.example };
    return {
      requestBody: { description: route.rawBody, required: true, content: { 'application/json': json } },
    };
  }
  return route.body === undefined ? {} : { requestBody: parsedBody(route, route.body, agents) };
}

function parsedBody(route: Route, model: Type, agents: readonly string[]): Json {
  const schema = jsonSchema(model) as { properties?: Record<string, Json> };
  // Which agents are offered is configuration, so the model itself cannot say it.
  if (schema.properties?.['agent'] !== undefined) schema.properties['agent'] = { enum: agents };
  return {
    required: true,
    content: {
      'application/json': { schema, ...(route.example === undefined ? {} : { example: route.example }) },
    },
  };
}

/** The headers of HEADERS that an answer may carry. */
function commonHeaders(route: Route, status: number): Json {
  const isWrite = route.mutation === true;
  const names: (keyof typeof HEADERS)[] = [
    'x-request-id',
    ...(route.access === 'public' || status === 401 ? [] : (['ratelimit', 'ratelimit-policy'] as const)),
    ...(status === 401 ? (['www-authenticate'] as const) : []),
    ...(status === 429 || status === 503 || (status === 409 && isWrite) ? (['retry-after'] as const) : []),
    ...(isWrite && status < 300 ? (['idempotency-replayed'] as const) : []),
  ];
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
}

function responses(route: Route): Json {
  const answers = Object.entries(route.answers).map(([status, answer]): [string, Json] => [
    status,
    {
      description: answer.description,
      headers: {
        ...commonHeaders(route, Number(status)),
        ...Object.fromEntries(
          Object.entries(answer.headers ?? {}).map(([name, description]) => [
            name,
            { description, schema: { type: 'string' } },
          ]),
        ),
      },
      ...content(answer, ANSWER_EXAMPLES[route.operationId]?.[Number(status)]),
    },
  ]);
  const problems = Map.groupBy(errorsOf(route), (code) => STATUS_OF[code]);
  const errors = [...problems].map(([status, codes]): [string, Json] => [
    String(status),
    {
      description: codes.join(', '),
      headers: commonHeaders(route, status),
      content: {
        'application/problem+json': {
          schema: reference(Problem),
          examples: Object.fromEntries(
            codes.map((code) => [code, { $ref: `#/components/examples/${code}` }]),
          ),
        },
      },
    },
  ]);
  return Object.fromEntries([...answers, ...errors]);
}

function content(
  { schema, contentType = 'application/json' }: { schema?: Type; contentType?: string },
  example: unknown,
): Json {
  if (schema === undefined && contentType === 'application/json') return {};
  const shape = schema === undefined ? { type: 'string' } : reference(schema);
  return {
    content: { [contentType]: { schema: shape, ...(example === undefined ? {} : { example }) } },
  };
}

/** Every error that a route may answer with: its own, and those that come with what it takes. */
function errorsOf(route: Route): ErrorCode[] {
  const codes = new Set<ErrorCode>(['invalid_request', 'internal', 'unavailable', ...(route.errors ?? [])]);
  if (route.access !== 'public') {
    for (const code of ['unauthenticated', 'forbidden', 'rate_limited'] as const) codes.add(code);
  }
  if (route.path.includes(':tenant_id')) codes.add('not_found');
  if (route.method !== 'GET' && route.method !== 'DELETE') codes.add('payload_too_large');
  if (route.body !== undefined) codes.add('unsupported_media_type');
  if (route.mutation === true) codes.add('idempotency_conflict');
  return [...codes];
}
