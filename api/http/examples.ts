import type { ApiKey } from '../../shared/model/api-key.ts';
import type { AuditEntry } from '../../shared/model/audit-entry.ts';
import type { Invoice, UsageReport } from '../../shared/model/billing.ts';
import type { Job } from '../../shared/model/job.ts';
import type { ProviderSecret } from '../../shared/model/provider-secret.ts';
import type { Tenant } from '../../shared/model/tenant.ts';

/** What the document shows as examples. Tests hold each to the schema that it stands beside. */

const TENANT_ID = '3f0b1c9e-2f6a-4b57-9d53-0c8e8a4f7b21';
const JOB_ID = '01KCZZA4W1Q6T0N9YB6J7R2M3D';
const KEY_ID = '01KCZYX2H8V5E4S1K9P0G7F6A3';
const REQUEST_ID = '01KCZZA4W0B3D5F7H9K1M2N4P6';
const AT = '2026-11-24T09:30:00.000Z';
const CURSOR = 'am9iczowMUtDWlpBNFcxUTZUME45WUI2SjdSMk0zRA';

const tenant: Tenant = {
  id: TENANT_ID,
  name: 'Acme',
  email: 'ops@acme.example',
  plan: 'pro',
  plan_source: 'stripe',
  status: 'active',
  isolation: 'pool',
  limits: {},
  stripe_customer_id: 'cus_SampleAcme',
  created_at: AT,
  updated_at: AT,
  deleted_at: null,
};

const key: ApiKey = {
  key_id: KEY_ID,
  tenant_id: TENANT_ID,
  name: 'ci',
  mode: 'live',
  scopes: ['jobs:read', 'jobs:write'],
  requests_per_minute: null,
  created_at: AT,
  last_used: '2026-11-24T10:12:00.000Z',
  expires_at: null,
  revoked: false,
  revoked_at: null,
};

const issuedKey = { ...key, last_used: null, api_key: `op_live_${'0123456789abcdef'.repeat(2)}` };

const job: Job = {
  job_id: JOB_ID,
  tenant_id: TENANT_ID,
  agent: 'claude',
  command: 'Add a test for the parser',
  workspace: 'default',
  priority: 'normal',
  status: 'succeeded',
  attempt: 1,
  max_attempts: 1,
  timeout_seconds: 3600,
  metadata: { ticket: 'ACME-17' },
  created_at: AT,
  started_at: '2026-11-24T09:30:01.204Z',
  completed_at: '2026-11-24T09:31:44.871Z',
  cancel_requested_at: null,
  exit_code: 0,
  failure: null,
  usage: { input_tokens: 18_240, output_tokens: 2_310, cost_usd: 0.09 },
  output_location: `${TENANT_ID}/${JOB_ID}/output`,
  output_bytes: 5_120,
  output_truncated: false,
};

const cancelled: Job = {
  ...job,
  status: 'cancelled',
  attempt: 0,
  started_at: null,
  completed_at: '2026-11-24T09:30:02.000Z',
  exit_code: null,
  failure: { code: 'cancelled', message: 'Cancelled by the tenant.' },
  usage: null,
  output_location: null,
  output_bytes: null,
};

const cancelling: Job = {
  ...job,
  status: 'running',
  completed_at: null,
  cancel_requested_at: '2026-11-24T09:30:02.000Z',
  exit_code: null,
  usage: null,
  output_location: null,
  output_bytes: null,
};

const secret: ProviderSecret = {
  name: 'anthropic',
  status: 'active',
  created_at: AT,
  updated_at: AT,
  rotation: 'idle',
  rotated_at: null,
  rotation_due_at: '2027-02-22T09:30:00.000Z',
  deletes_at: null,
};

const entry: AuditEntry = {
  tenant_id: TENANT_ID,
  timestamp: AT,
  action: 'job.create',
  resource: `jobs/${JOB_ID}`,
  metadata: { agent: 'claude', command_characters: 25 },
  request_id: REQUEST_ID,
  actor: `key:${KEY_ID}`,
  source_ip: '203.0.113.9',
  user_agent: 'curl/8.5.0',
  outcome: 'allowed',
  status: 202,
};

const invoice: Invoice = {
  invoice_id: 'in_1SampleInvoice',
  number: 'ACME-0007',
  status: 'paid',
  currency: 'usd',
  total: 4_150,
  amount_due: 0,
  jobs: 83,
  period: { start: '2026-10-24T09:30:00.000Z', end: AT },
  created_at: AT,
  hosted_url: 'https://invoice.stripe.com/i/sample',
};

const usage: UsageReport = {
  period: { start: AT, end: '2026-12-24T09:30:00.000Z' },
  used: 83,
  limit: 100,
  resets_at: '2026-12-24T09:30:00.000Z',
  alerts: [{ threshold: 80, raised_at: '2026-12-02T14:03:11.000Z' }],
};

const endEvent = { id: 2, at: AT, type: 'end', status: 'succeeded', exit_code: 0, failure: null };
const startEvent = { id: 1, at: AT, type: 'status', status: 'running', attempt: 1 };
const frames = [startEvent, endEvent].map(
  (event) => `id: ${event.id}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`,
);

/** Operation and status -> the body of such an answer. */
export const ANSWER_EXAMPLES: Readonly<Record<string, Readonly<Record<number, unknown>>>> = {
  health: { 200: { status: 'ok' } },
  submitJob: { 202: { job_id: JOB_ID, status: 'pending', estimated_start: '2026-11-24T09:30:01.000Z' } },
  listJobs: { 200: { jobs: [job], next_cursor: CURSOR } },
  getJob: { 200: job },
  cancelJob: { 200: cancelled, 202: cancelling },
  getJobOutput: { 200: 'Added tests/parser.test.ts\n', 206: 'Added' },
  followJob: { 200: frames.join('') },
  createTenant: { 201: { ...tenant, plan_source: 'manual', stripe_customer_id: null } },
  listTenants: { 200: { tenants: [tenant], next_cursor: null } },
  getTenant: { 200: tenant },
  changeTenant: { 200: { ...tenant, name: 'Acme Corporation' } },
  deleteTenant: { 200: { ...tenant, status: 'deleted', deleted_at: AT } },
  issueApiKey: { 201: issuedKey },
  listApiKeys: { 200: { api_keys: [key], next_cursor: null } },
  revokeApiKey: { 200: { ...key, revoked: true, revoked_at: AT } },
  rotateApiKey: { 201: issuedKey },
  putSecret: { 200: secret },
  listSecrets: { 200: { secrets: [secret] } },
  getSecret: { 200: secret },
  deleteSecret: {
    200: { ...secret, status: 'scheduled_for_deletion', deletes_at: '2026-12-01T09:30:00.000Z' },
  },
  restoreSecret: { 200: secret },
  rotateSecret: { 202: { ...secret, rotation: 'pending' } },
  listAudit: { 200: { entries: [entry], next_cursor: null } },
  getUsage: { 200: usage },
  listPlans: {
    200: {
      plans: [
        {
          plan: 'free',
          jobs_per_period: 10,
          concurrent_jobs: 2,
          requests_per_minute: 1000,
          price: null,
          price_per_job: null,
        },
      ],
    },
  },
  startCheckout: {
    200: { action: 'checkout', url: 'https://checkout.stripe.com/c/pay/sample', effective_at: null },
  },
  openPortal: { 200: { url: 'https://billing.stripe.com/p/session/sample' } },
  previewPlan: { 200: { from: 'pro', to: 'enterprise', currency: 'usd', total: 12_900, amount_due: 12_900 } },
  changePlan: { 200: { plan: 'enterprise', status: 'active' } },
  listInvoices: { 200: { invoices: [invoice], next_cursor: null } },
  listInvoiceJobs: { 200: `job_id,agent,billable_at\n${JOB_ID},claude,2026-11-24T09:31:44.871Z\n` },
  setSpendCap: { 200: { jobs_per_period: 500 } },
  receiveStripeEvent: { 200: { received: 'done' } },
  openApi: { 200: { openapi: '3.1.0', info: { title: 'Outpost', version: '1' }, paths: {} } },
};

/** A parameter's name -> a value of it. */
export const PARAMETER_EXAMPLES: Readonly<Record<string, string>> = {
  tenant_id: TENANT_ID,
  job_id: JOB_ID,
  key_id: KEY_ID,
  name: 'anthropic',
  invoice_id: invoice.invoice_id,
  asset: 'swagger-ui.css',
  limit: '20',
  cursor: CURSOR,
  status: 'running',
  from: '2026-11-01T00:00:00.000Z',
  to: '2026-11-30T23:59:59.999Z',
  action: entry.action,
  resource: entry.resource,
  plan: 'enterprise',
  'idempotency-key': '8e03978e-40d5-43dd-bc93-6894a57f9324',
  range: 'bytes=0-999',
  'last-event-id': '0',
  accept: 'text/html',
  'stripe-signature': 't=1795512600,v1=5257a869e7ecebeda32affa62cdca3fa51cad7e77a0e56ff536d0ce8e108d8bd',
};

/** The request that an example of a problem belongs to. */
export const EXAMPLE_REQUEST_ID = REQUEST_ID;
