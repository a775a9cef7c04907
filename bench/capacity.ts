import { marshall } from '@aws-sdk/util-dynamodb';
import { newUlid, newUuid, randomHex } from '../shared/ids.ts';
import { type JobRecord, JobRecord as JobModel } from '../shared/model/job.ts';

/**
 * `bun bench/capacity.ts`: row D2. Item sizes from the models, request units of one job's life and dollars per
 * million jobs, for 100 and 10,000 tenants, on three tables and on one. Units follow AWS's rules: a write unit
 * a started KiB, doubled in a transaction; a read unit a started 4 KiB, half when eventually consistent, and
 * an index pays for each of its items that is written or deleted.
 */
const DOLLARS_PER_MILLION_WRITES = 0.625; // us-east-1, on demand, since November 2024
const DOLLARS_PER_MILLION_READS = 0.125;
const DOLLARS_PER_GIB_MONTH = 0.25;

/** DynamoDB counts the UTF-8 bytes of names and values. */
const sizeOf = (item: object): number =>
  Object.entries(marshall(item, { removeUndefinedValues: true })).reduce(
    (sum, [name, value]) => sum + name.length + Buffer.byteLength(JSON.stringify(Object.values(value)[0])),
    0,
  );

const tenantId = newUuid();
const jobId = newUlid();
const now = new Date().toISOString();

const job: JobRecord = JobModel.assert({
  job_id: jobId,
  tenant_id: tenantId,
  agent: 'claude',
  command: 'x'.repeat(400),
  workspace: 'default',
  priority: 'normal',
  status: 'pending',
  attempt: 0,
  max_attempts: 1,
  timeout_seconds: 3600,
  metadata: { repository: 'acme/shop', branch: 'main' },
  created_at: now,
  started_at: now,
  completed_at: now,
  cancel_requested_at: null,
  exit_code: 0,
  failure: null,
  usage: { input_tokens: 12_000, output_tokens: 900, cost_usd: 0.12 },
  output_location: `${tenantId}/${jobId}/output/1`,
  output_bytes: 120_000,
  output_truncated: false,
  tenant_status: `${tenantId}#pending`,
  key_hash: randomHex(32),
  request_id: newUlid(),
  platform_failures: 0,
  agent_failures: 0,
  checks: 0,
  sealed: { '1': 120 },
  check_shard: '3',
  next_check_at: Date.now(),
});

const entry = {
  tenant_id: tenantId,
  entry_key: `${now}#${newUlid()}`,
  timestamp: now,
  action: 'job.create',
  resource: `job/${jobId}`,
  metadata: { agent: 'claude', command_sha256: randomHex(32), command_characters: 400 },
  request_id: newUlid(),
  actor: `key:${newUlid()}`,
  source_ip: '203.0.113.7',
  user_agent: 'outpost-cli/1.0',
  outcome: 'allowed',
  status: 202,
  certainty: 2,
  ttl: 1_800_000_000,
};
const workspaceLock = { pk: `TENANT#${tenantId}`, sk: 'WORKSPACE#default', job_id: jobId };
const ledgerRow = {
  pk: `TENANT#${tenantId}`,
  sk: `LEDGER#${jobId}`,
  tenant_id: tenantId,
  job_id: jobId,
  agent: 'claude',
  billable_at: now,
};
const apiKey = {
  pk: `KEY#${randomHex(32)}`,
  sk: 'KEY',
  key_tenant_id: tenantId,
  key_id: newUlid(),
  key_hash: randomHex(32),
  tenant_id: tenantId,
  name: 'ci',
  scopes: ['jobs:read', 'jobs:write'],
  created_at: now,
  tenant_plan: 'pro',
  tenant_status: 'active',
};
const indexKeys = { tenant_id: tenantId, job_id: jobId, check_shard: '3', next_check_at: Date.now() };

const SIZES = {
  job: sizeOf(job),
  audit: sizeOf(entry),
  workspace: sizeOf(workspaceLock),
  ledger: sizeOf(ledgerRow),
  apiKey: sizeOf(apiKey),
  indexKeys: sizeOf(indexKeys),
};

const writeUnits = (bytes: number): number => Math.ceil(bytes / 1024);
const readUnits = (bytes: number): number => Math.ceil(bytes / 4096);
/** The status index holds whole jobs: a change of status deletes one of its items and writes another. */
const statusMove = 2 * writeUnits(SIZES.job);

type Step = { readonly name: string; readonly writes: number; readonly reads: number };

/** One uncapped job that runs for three minutes and succeeds, as the code does it. */
const LIFE: readonly Step[] = [
  { name: 'authenticate', writes: 0, reads: readUnits(SIZES.apiKey) },
  {
    name: 'accept: job, audit (transaction); status and unfinished index',
    writes:
      2 * (writeUnits(SIZES.job) + writeUnits(SIZES.audit)) +
      writeUnits(SIZES.job) +
      writeUnits(SIZES.indexKeys),
    reads: 0,
  },
  { name: 'claim: read job and tenant', writes: 0, reads: 2 * readUnits(SIZES.job) },
  {
    name: 'claim: job, key check, workspace, audit (transaction); indexes',
    writes:
      2 * (writeUnits(SIZES.job) + writeUnits(SIZES.workspace) + writeUnits(SIZES.audit)) +
      statusMove +
      2 * writeUnits(SIZES.indexKeys),
    reads: 2 * readUnits(SIZES.apiKey),
  },
  {
    name: 'agent started; 3 heartbeats; status index follows',
    writes: 4 * 2 * writeUnits(SIZES.job) + 3 * 2 * writeUnits(SIZES.indexKeys),
    reads: 0,
  },
  {
    name: 'looks for a cancellation, every 2 s for 180 s',
    writes: 0,
    reads: (90 * readUnits(SIZES.job)) / 2,
  },
  {
    name: 'end: job, workspace, ledger, audit (transaction); indexes',
    writes:
      2 *
        (writeUnits(SIZES.job) +
          writeUnits(SIZES.workspace) +
          writeUnits(SIZES.ledger) +
          writeUnits(SIZES.audit)) +
      statusMove +
      writeUnits(SIZES.indexKeys),
    reads: 0,
  },
  {
    name: 'one read of the job and its audit entry',
    writes: writeUnits(SIZES.audit),
    reads: readUnits(SIZES.job),
  },
];

const writes = LIFE.reduce((sum, step) => sum + step.writes, 0);
const reads = LIFE.reduce((sum, step) => sum + step.reads, 0);
const dollars = writes * DOLLARS_PER_MILLION_WRITES + reads * DOLLARS_PER_MILLION_READS;
const storedBytes = SIZES.job * 2 + SIZES.ledger + 5 * SIZES.audit;

console.log('Item sizes in bytes (command of 400 characters)');
console.table(SIZES);
console.log('Request units of one job');
console.table(LIFE);
console.log(
  `One job: ${writes} write units, ${reads} read units: ${dollars.toFixed(2)} dollars per million jobs,`,
);
console.log(
  `and ${((storedBytes / 1024 ** 3) * 1e6 * DOLLARS_PER_GIB_MONTH).toFixed(2)} dollars a month to store a million.`,
);
console.log();
console.log('Tenants and tables (1,000 jobs a tenant and month)');
console.table(
  [100, 10_000].flatMap((tenants) =>
    ['three tables', 'one table'].map((tables) => ({
      tenants,
      tables,
      'jobs a month': tenants * 1000,
      // The same items are written either way: a table has no price of its own, and no index covers more items.
      'dollars a month': Number(((tenants * 1000 * dollars) / 1e6).toFixed(2)),
      'peak writes/s of one tenant at 10x its mean': Number(((1000 / 2_592_000) * 10 * writes).toFixed(3)),
      'IAM separation by': tables === 'one table' ? 'leading key' : 'table',
      'TTL, PITR, class': tables === 'one table' ? 'shared' : 'each its own',
    })),
  ),
);
