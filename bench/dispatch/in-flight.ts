import type { TestTenant } from '../../tests/harness/outpost.ts';
import { dispatch, type Dispatched, type Subject } from './subject.ts';

/** What became of many tenants that each always had one job. */
export type Fleet = {
  readonly jobs: readonly Dispatched[];
  readonly perSecond: number;
  /** The smallest number of tenants with an accepted job that had not ended, at any look. */
  readonly leastInFlight: number;
  /** How many jobs of each tenant ended. */
  readonly jobsOfTenants: readonly number[];
};

const LOOK_MS = 100;

/** Each tenant submits its next job when its last has ended, for so long; then all jobs are waited for. */
export async function keepInFlight(
  subject: Subject,
  tenants: readonly TestTenant[],
  seconds: number,
): Promise<Fleet> {
  const jobs: Dispatched[] = [];
  const jobsOfTenants = tenants.map(() => 0);
  const started = performance.now();
  const until = started + seconds * 1000;
  const client = async ({ apiKey }: TestTenant, index: number): Promise<void> => {
    while (performance.now() < until) {
      jobs.push(await dispatch(subject, apiKey, 'default'));
      jobsOfTenants[index] = (jobsOfTenants[index] ?? 0) + 1;
    }
  };
  await Promise.all(tenants.map(client));
  const elapsed = (performance.now() - started) / 1000;
  return {
    jobs,
    perSecond: jobs.length / elapsed,
    leastInFlight: leastInFlight(jobs, seconds),
    jobsOfTenants,
  };
}

/** From when every tenant had a job until the first that had none to follow. */
function leastInFlight(jobs: readonly Dispatched[], seconds: number): number {
  const first = Math.min(...jobs.map((job) => job.sent));
  const to = first + seconds * 1000;
  const counts: number[] = [];
  for (let at = first; at < to; at += LOOK_MS) {
    counts.push(jobs.filter((job) => job.accepted <= at && at < job.ended).length);
  }
  const full = counts.indexOf(Math.max(...counts));
  return Math.min(...counts.slice(full));
}
