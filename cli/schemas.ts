import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Type } from 'arktype';
import { openApiDocument } from '../api/http/openapi.ts';
import { ROUTES } from '../api/routes/table.ts';
import { AGENT_IDS } from '../shared/agents.ts';
import { ApiKey, ApiKeyRecord } from '../shared/model/api-key.ts';
import { AuditEntry } from '../shared/model/audit-entry.ts';
import { Invoice, InvoiceRecord, LedgerRow, UsageCounter, UsageReport } from '../shared/model/billing.ts';
import { JobEvent, Usage } from '../shared/model/event.ts';
import { Job, JobRecord } from '../shared/model/job.ts';
import { jsonSchemaOf } from '../shared/model/json-schema.ts';
import { ProviderSecret } from '../shared/model/provider-secret.ts';
import { Tenant, TenantRecord } from '../shared/model/tenant.ts';
import { JobMessage } from '../shared/queue/job-message.ts';

/** Every model that has a JSON Schema in docs/schemas. */
export const MODELS: Readonly<Record<string, Type>> = {
  'api-key': ApiKey,
  'api-key-record': ApiKeyRecord,
  'audit-entry': AuditEntry,
  job: Job,
  'job-event': JobEvent,
  'job-message': JobMessage,
  'job-record': JobRecord,
  'provider-secret': ProviderSecret,
  tenant: Tenant,
  'tenant-record': TenantRecord,
  usage: Usage,
  'usage-report': UsageReport,
  'usage-counter': UsageCounter,
  'ledger-row': LedgerRow,
  invoice: Invoice,
  'invoice-record': InvoiceRecord,
};

/** The file of a model's schema, as text. */
export const schemaText = (name: string, model: Type): string =>
  `${JSON.stringify({ title: name, ...jsonSchemaOf(model) }, null, 2)}\n`;

/** The OpenAPI document of the route table, as text: what the stacks make the gateway's routes from. */
export const openApiText = (): string => `${JSON.stringify(openApiDocument(ROUTES, AGENT_IDS), null, 2)}\n`;

/** `bun run schemas`: writes docs/schemas and docs/openapi.json. A test fails when they are out of date. */
if (import.meta.main) {
  const folder = join(import.meta.dirname, '..', 'docs', 'schemas');
  mkdirSync(folder, { recursive: true });
  for (const [name, model] of Object.entries(MODELS)) {
    writeFileSync(join(folder, `${name}.json`), schemaText(name, model));
  }
  writeFileSync(join(folder, '..', 'openapi.json'), openApiText());
  process.stdout.write(`docs/openapi.json and docs/schemas: ${Object.keys(MODELS).length} schemas\n`);
}
