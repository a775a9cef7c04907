import { type } from 'arktype';
import { Uuid } from '../../shared/model/primitives.ts';
import { publicTenant, Tenant } from '../../shared/model/tenant.ts';
import { route } from '../http/route.ts';
import { changeTenant, TenantPatch } from '../operations/change-tenant.ts';
import { createTenant, TenantRequest } from '../operations/create-tenant.ts';
import { deleteTenant } from '../operations/delete-tenant.ts';
import { findTenant } from '../operations/find-tenant.ts';
import { listAllTenants } from '../operations/list-tenants.ts';
import { CursorText, LimitText } from '../operations/page.ts';

const TenantPath = type({ tenant_id: Uuid });

export const create = route({
  method: 'POST',
  path: '/tenants',
  operationId: 'createTenant',
  tag: 'Tenants',
  summary: 'Create a tenant',
  access: 'admin',
  live: true,
  action: 'tenant.create',
  mutation: true,
  body: TenantRequest,
  answers: { 201: { description: 'The new tenant.', schema: Tenant } },
  example: { name: 'Acme', email: 'ops@acme.example', plan: 'pro' },
  handle: async ({ deps, body, change }) => ({ status: 201, body: await createTenant(deps, body, change) }),
});

export const list = route({
  method: 'GET',
  path: '/tenants',
  operationId: 'listTenants',
  tag: 'Tenants',
  summary: 'List all tenants, oldest first',
  access: 'admin',
  action: 'tenant.list',
  query: type({ '+': 'reject', 'cursor?': CursorText, 'limit?': LimitText }),
  answers: {
    200: {
      description: 'A page of tenants.',
      schema: type({ tenants: Tenant.array(), next_cursor: 'string | null' }),
    },
  },
  handle: async ({ deps, query }) => ({ status: 200, body: await listAllTenants(deps, query) }),
});

export const get = route({
  method: 'GET',
  path: '/tenants/:tenant_id',
  operationId: 'getTenant',
  tag: 'Tenants',
  summary: 'Get a tenant',
  access: 'tenant:read',
  action: 'tenant.read',
  params: TenantPath,
  answers: { 200: { description: 'The tenant.', schema: Tenant } },
  handle: async ({ deps, params }) => ({
    status: 200,
    body: publicTenant(await findTenant(deps, params.tenant_id)),
  }),
});

export const change = route({
  method: 'PATCH',
  path: '/tenants/:tenant_id',
  operationId: 'changeTenant',
  tag: 'Tenants',
  summary: 'Change a tenant',
  description:
    'A tenant may change its name and email; plan, status, isolation and limits are the operator’s.',
  access: 'tenant:write',
  live: true,
  action: 'tenant.change',
  mutation: true,
  params: TenantPath,
  body: TenantPatch,
  answers: { 200: { description: 'The tenant as it is now.', schema: Tenant } },
  errors: ['conflict'],
  example: { name: 'Acme Corporation' },
  handle: async ({ deps, caller, params, body, change: commit }) => ({
    status: 200,
    body: await changeTenant(deps, caller, params.tenant_id, body, commit),
  }),
});

export const remove = route({
  method: 'DELETE',
  path: '/tenants/:tenant_id',
  operationId: 'deleteTenant',
  tag: 'Tenants',
  summary: 'Delete a tenant',
  description:
    'Revokes its keys, cancels its pending jobs, stops its running ones and schedules its secrets for deletion.',
  access: 'admin',
  live: true,
  action: 'tenant.delete',
  mutation: true,
  params: TenantPath,
  answers: { 200: { description: 'The deleted tenant.', schema: Tenant } },
  errors: ['conflict'],
  handle: async ({ deps, caller, params, change: commit }) => ({
    status: 200,
    body: await deleteTenant(deps, caller, params.tenant_id, commit),
  }),
});
