/**
 * The one schema of Outpost's tables. The CDKTF stacks, local AWS and the tests create tables from it,
 * and the store builds its keys for it. Nothing else describes a table.
 */
export type KeyAttribute = { readonly name: string; readonly type: 'S' | 'N' };

export type SecondaryIndex = {
  readonly name: string;
  readonly partitionKey: KeyAttribute;
  readonly sortKey?: KeyAttribute;
  /** Attributes copied besides the keys: everything, nothing, or a list. */
  readonly projection: 'ALL' | 'KEYS_ONLY' | readonly string[];
};

export type Table = {
  readonly name: string;
  readonly partitionKey: KeyAttribute;
  readonly sortKey: KeyAttribute;
  readonly indexes: readonly SecondaryIndex[];
  /** The attribute that holds the expiry in epoch seconds. */
  readonly ttlAttribute?: string;
};

const text = (name: string): KeyAttribute => ({ name, type: 'S' });
const number = (name: string): KeyAttribute => ({ name, type: 'N' });

/**
 * tenants: everything that hangs on a tenant (tenant, usage, ledger, slots, workspace locks, idempotency
 *   records), plus API keys under their own hash and the platform's counters.
 * jobs: one item a job, under its tenant.
 * audit: one item an API call, under its tenant.
 */
export const TABLES = {
  tenants: {
    name: 'tenants',
    partitionKey: text('pk'),
    sortKey: text('sk'),
    indexes: [
      // A tenant's keys, for listing and for the fan-out that rewrites their copy of the tenant.
      {
        name: 'keys-by-tenant',
        partitionKey: text('key_tenant_id'),
        sortKey: text('key_id'),
        projection: 'ALL',
      },
      // All tenants, oldest first, for the operator. Sparse: only tenant items carry `directory`.
      {
        name: 'directory',
        partitionKey: text('directory'),
        sortKey: text('directory_sort'),
        projection: 'ALL',
      },
      // What something outside has yet to be told of, by kind and by when it is due. Sparse.
      {
        name: 'outbox',
        partitionKey: text('outbox'),
        sortKey: text('outbox_at'),
        projection: 'KEYS_ONLY',
      },
    ],
    ttlAttribute: 'ttl',
  },
  jobs: {
    name: 'jobs',
    partitionKey: text('tenant_id'),
    sortKey: text('job_id'),
    indexes: [
      // A tenant's jobs of one status, newest first.
      {
        name: 'by-status',
        partitionKey: text('tenant_status'),
        sortKey: text('job_id'),
        projection: 'ALL',
      },
      // Unfinished work by when the sweeper must look at it. Sparse, sharded.
      {
        name: 'unfinished',
        partitionKey: text('check_shard'),
        sortKey: number('next_check_at'),
        projection: 'KEYS_ONLY',
      },
      // Jobs that wait for a slot or for their workspace, oldest first. Sparse.
      {
        name: 'parked',
        partitionKey: text('parked_for'),
        sortKey: text('job_id'),
        projection: 'KEYS_ONLY',
      },
    ],
  },
  audit: {
    name: 'audit',
    partitionKey: text('tenant_id'),
    sortKey: text('entry_key'),
    indexes: [],
    ttlAttribute: 'ttl',
  },
} as const satisfies Record<string, Table>;

export type TableId = keyof typeof TABLES;

/** The physical name of a table in an environment, for example `outpost-jobs-prod`. */
export const tableName = (table: TableId, environment: string): string =>
  `outpost-${TABLES[table].name}-${environment}`;
