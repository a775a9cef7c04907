import { randomHex } from '../shared/ids.ts';
import { hostname } from 'node:os';
import type { Aws } from '../shared/deps.ts';
import type { Log } from '../shared/log.ts';
import type { ProviderKeys } from '../shared/secrets/provider-keys.ts';
import type { AgentRegistry } from './agents/registry.ts';
import type { Isolation } from './launcher/isolation.ts';
import type { Metrics } from './metrics.ts';
import type { TenantUids } from './run/tenant-uids.ts';
import type { TaskProtection } from './task-protection.ts';
import type { Watchdog } from './watchdog/watchdog.ts';

/** What a worker is told, with every path absolute. */
export type WorkerSettings = {
  readonly workerId: string;
  readonly leaseSeconds: number;
  /** The one job that a dedicated tenant's worker is started for; null for a worker of the pool. */
  readonly only: { readonly tenantId: string; readonly jobId: string } | null;
  readonly outputCapBytes: number;
  /** Root of the tenants' workspaces: shared by all workers on AWS. */
  readonly workspacesRoot: string;
  /** Root of the jobs' HOME and TMPDIR folders: this machine's own disk. */
  readonly jobsRoot: string;
  /** Locks among this machine's workers. */
  readonly locksRoot: string;
  /** This process's own folder for output on its way to S3. */
  readonly spoolFolder: string;
  readonly agentsRoot: string;
  /** The scripted model for tenants without a key; null wherever jobs are real. */
  readonly fallbackModelUrl: string | null;
  /** What must not appear in any output, besides the tenant's key: the worker's own credentials. */
  readonly ownSecrets: readonly string[];
};

/** Everything a worker works with: built once, by its entry. */
export type WorkerDeps = Pick<Aws, 'clock' | 'store' | 'queues' | 'outputs'> & {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly settings: WorkerSettings;
  readonly providerKeys: ProviderKeys;
  readonly agents: AgentRegistry;
  readonly isolation: Isolation;
  readonly watchdog: Watchdog;
  readonly taskProtection: TaskProtection;
  readonly tenantUids: TenantUids;
};

/** When a worker is to end: `stopping` asks for a hand-back in good order, `hurry` for a quick one. */
export type StopSignals = { readonly stopping: AbortSignal; readonly hurry: AbortSignal };

/** Names this process in leases and logs. */
export const newWorkerId = (): string => `${hostname()}-${process.pid}-${randomHex(3)}`;
