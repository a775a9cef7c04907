import { type } from 'arktype';
import { Uuid } from '../../shared/model/primitives.ts';
import { ProviderName, ProviderSecret } from '../../shared/model/provider-secret.ts';
import { listProviderSecrets } from '../../shared/secrets/provider-secret-store.ts';
import { route } from '../http/route.ts';
import { findTenant } from '../operations/find-tenant.ts';
import { rotateSecret } from '../operations/rotate-secret.ts';
import {
  deleteSecret,
  putSecret,
  requireSecret,
  restoreSecret,
  SecretRequest,
} from '../operations/provider-secrets.ts';

const TenantPath = type({ tenant_id: Uuid });
const SecretPath = type({ tenant_id: Uuid, name: ProviderName });

const target = (params: typeof SecretPath.infer) => ({ tenantId: params.tenant_id, name: params.name });

export const put = route({
  method: 'PUT',
  path: '/tenants/:tenant_id/secrets/:name',
  operationId: 'putSecret',
  tag: 'Provider keys',
  summary: 'Store or replace a provider key',
  description: 'Write-only: jobs of this tenant run with it, and nothing ever shows it again.',
  access: 'tenant:write',
  live: true,
  action: 'secret.put',
  mutation: true,
  params: SecretPath,
  body: SecretRequest,
  answers: { 200: { description: 'What may be told of it.', schema: ProviderSecret } },
  example: { value: 'your-provider-key' },
  handle: async ({ deps, params, body, change }) => ({
    status: 200,
    body: await putSecret(deps, target(params), body, change),
  }),
});

export const list = route({
  method: 'GET',
  path: '/tenants/:tenant_id/secrets',
  operationId: 'listSecrets',
  tag: 'Provider keys',
  summary: 'List provider keys',
  access: 'tenant:read',
  action: 'secret.list',
  params: TenantPath,
  answers: {
    200: { description: 'What may be told of them.', schema: type({ secrets: ProviderSecret.array() }) },
  },
  handle: async ({ deps, params }) => {
    await findTenant(deps, params.tenant_id);
    return { status: 200, body: { secrets: await listProviderSecrets(deps.secrets, params.tenant_id) } };
  },
});

export const get = route({
  method: 'GET',
  path: '/tenants/:tenant_id/secrets/:name',
  operationId: 'getSecret',
  tag: 'Provider keys',
  summary: 'What is known of a provider key',
  access: 'tenant:read',
  action: 'secret.read',
  params: SecretPath,
  answers: { 200: { description: 'What may be told of it.', schema: ProviderSecret } },
  handle: async ({ deps, params }) => ({ status: 200, body: await requireSecret(deps, target(params)) }),
});

export const remove = route({
  method: 'DELETE',
  path: '/tenants/:tenant_id/secrets/:name',
  operationId: 'deleteSecret',
  tag: 'Provider keys',
  summary: 'Delete a provider key',
  description: 'No job can read it from now on. For a week it can be restored.',
  access: 'tenant:write',
  live: true,
  action: 'secret.delete',
  mutation: true,
  params: SecretPath,
  answers: { 200: { description: 'Scheduled for deletion.', schema: ProviderSecret } },
  handle: async ({ deps, params, change }) => ({
    status: 200,
    body: await deleteSecret(deps, target(params), change),
  }),
});

export const rotate = route({
  method: 'POST',
  path: '/tenants/:tenant_id/secrets/:name/rotate',
  operationId: 'rotateSecret',
  tag: 'Provider keys',
  summary: 'Rotate a provider key',
  description:
    'The new key is tested against the provider and only then used; until then, and when it is refused, jobs run with the old one.',
  access: 'tenant:write',
  live: true,
  action: 'secret.rotate',
  mutation: true,
  params: SecretPath,
  body: SecretRequest,
  answers: { 202: { description: 'The rotation has begun.', schema: ProviderSecret } },
  errors: ['conflict'],
  example: { value: 'your-new-provider-key' },
  handle: async ({ deps, params, body, change }) => ({
    status: 202,
    body: await rotateSecret(deps, target(params), body, change),
  }),
});

export const restore = route({
  method: 'POST',
  path: '/tenants/:tenant_id/secrets/:name/restore',
  operationId: 'restoreSecret',
  tag: 'Provider keys',
  summary: 'Take a deletion back',
  access: 'tenant:write',
  live: true,
  action: 'secret.restore',
  mutation: true,
  params: SecretPath,
  answers: { 200: { description: 'It is active again.', schema: ProviderSecret } },
  handle: async ({ deps, params, change }) => ({
    status: 200,
    body: await restoreSecret(deps, target(params), change),
  }),
});
