import type { Type } from 'arktype';
import type { ErrorCode } from '../../shared/errors.ts';
import { API_KEY_PATTERN, ApiKey } from '../../shared/model/api-key.ts';
import { AuditEntry } from '../../shared/model/audit-entry.ts';
import { jsonSchemaOf } from '../../shared/model/json-schema.ts';
import { JobEvent } from '../../shared/model/event.ts';
import { Job } from '../../shared/model/job.ts';
import { Tenant } from '../../shared/model/tenant.ts';
import { STATUS_OF } from './problem.ts';
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
    ...(route.body === undefined ? {} : { requestBody: requestBody(route, route.body, agents) }),
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
  }));
}

function headers(route: Route): Json[] {
  const named = Object.entries(route.requestHeaders ?? {}).map(([name, description]) => ({
    name,
    in: 'header',
    required: false,
    description,
    schema: { type: 'string' },
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
    },
  ];
}

function requestBody(route: Route, model: Type, agents: readonly string[]): Json {
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

const REQUEST_ID_HEADER = {
  'x-request-id': { description: 'Names this call in the audit log.', schema: { type: 'string' } },
};

function responses(route: Route): Json {
  const answers = Object.entries(route.answers).map(([status, answer]): [string, Json] => [
    status,
    {
      description: answer.description,
      headers: {
        ...REQUEST_ID_HEADER,
        ...Object.fromEntries(
          Object.entries(answer.headers ?? {}).map(([name, description]) => [
            name,
            { description, schema: { type: 'string' } },
          ]),
        ),
      },
      ...content(answer.schema, answer.contentType),
    },
  ]);
  const problems = new Map<number, ErrorCode[]>();
  for (const code of errorsOf(route)) {
    problems.set(STATUS_OF[code], [...(problems.get(STATUS_OF[code]) ?? []), code]);
  }
  const errors = [...problems].map(([status, codes]): [string, Json] => [
    String(status),
    {
      description: codes.join(', '),
      headers: REQUEST_ID_HEADER,
      content: { 'application/problem+json': { schema: reference(Problem) } },
    },
  ]);
  return Object.fromEntries([...answers, ...errors]);
}

function content(schema: Type | undefined, contentType = 'application/json'): Json {
  if (schema === undefined && contentType === 'application/json') return {};
  return {
    content: { [contentType]: { schema: schema === undefined ? { type: 'string' } : reference(schema) } },
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
