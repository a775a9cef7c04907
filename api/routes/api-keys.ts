import { type } from 'arktype';
import { ApiKey } from '../../shared/model/api-key.ts';
import { Ulid, Uuid } from '../../shared/model/primitives.ts';
import { route } from '../http/route.ts';
import { ApiKeyRequest, issueApiKey } from '../operations/issue-api-key.ts';
import { listTenantKeys } from '../operations/list-api-keys.ts';
import { CursorText, LimitText } from '../operations/page.ts';
import { revokeApiKey } from '../operations/revoke-api-key.ts';
import { rotateApiKey, RotationRequest } from '../operations/rotate-api-key.ts';

const TenantPath = type({ tenant_id: Uuid });
const KeyPath = type({ tenant_id: Uuid, key_id: Ulid });

const IssuedKey = ApiKey.merge({ api_key: /^op_(live|test)_[0-9a-f]{32}$/ }).or(
  ApiKey.merge({ api_key: 'null' }),
);

export const issue = route({
  method: 'POST',
  path: '/tenants/:tenant_id/api-keys',
  operationId: 'issueApiKey',
  tag: 'API keys',
  summary: 'Issue a key',
  description:
    'The key is shown once, in this answer. Its scopes are a subset of those of the key that asks.',
  access: 'tenant:write',
  live: true,
  action: 'api_key.issue',
  mutation: true,
  params: TenantPath,
  body: ApiKeyRequest,
  answers: { 201: { description: 'The key, in clear.', schema: IssuedKey } },
  errors: ['key_limit_reached', 'conflict'],
  example: { name: 'ci', scopes: ['jobs:read', 'jobs:write'] },
  handle: async ({ deps, caller, params, body, change }) => ({
    status: 201,
    body: await issueApiKey(deps, caller, params.tenant_id, body, change),
  }),
});

export const list = route({
  method: 'GET',
  path: '/tenants/:tenant_id/api-keys',
  operationId: 'listApiKeys',
  tag: 'API keys',
  summary: 'List keys, oldest first',
  access: 'tenant:read',
  action: 'api_key.list',
  params: TenantPath,
  query: type({ '+': 'reject', 'cursor?': CursorText, 'limit?': LimitText }),
  answers: {
    200: {
      description: 'A page of keys, without the keys themselves.',
      schema: type({ api_keys: ApiKey.array(), next_cursor: 'string | null' }),
    },
  },
  handle: async ({ deps, params, query }) => ({
    status: 200,
    body: await listTenantKeys(deps, params.tenant_id, query),
  }),
});

export const revoke = route({
  method: 'DELETE',
  path: '/tenants/:tenant_id/api-keys/:key_id',
  operationId: 'revokeApiKey',
  tag: 'API keys',
  summary: 'Revoke a key',
  access: 'tenant:write',
  action: 'api_key.revoke',
  mutation: true,
  params: KeyPath,
  answers: { 200: { description: 'The revoked key.', schema: ApiKey } },
  errors: ['conflict'],
  handle: async ({ deps, caller, params, change }) => ({
    status: 200,
    body: await revokeApiKey(deps, caller, params.tenant_id, params.key_id, change),
  }),
});

export const rotate = route({
  method: 'POST',
  path: '/tenants/:tenant_id/api-keys/:key_id/rotate',
  operationId: 'rotateApiKey',
  tag: 'API keys',
  summary: 'Replace a key',
  description: 'The old key works for `overlap_seconds` more: an hour unless said otherwise, a day at most.',
  access: 'tenant:write',
  live: true,
  action: 'api_key.rotate',
  mutation: true,
  params: KeyPath,
  body: RotationRequest,
  answers: { 201: { description: 'The new key, in clear.', schema: IssuedKey } },
  errors: ['key_limit_reached', 'conflict'],
  example: { overlap_seconds: 3600 },
  handle: async ({ deps, caller, params, body, change }) => ({
    status: 201,
    body: await rotateApiKey(deps, caller, params.tenant_id, params.key_id, body, change),
  }),
});
