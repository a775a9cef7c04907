import { lockUidWithin } from '../workspace/lock.ts';
import { LaunchError } from './error.ts';
import type { UidRange } from './uid-range.ts';

/** As many workers of one machine as start at once wait for each other. */
const TURN_MS = 300_000;

/**
 * Runs what a worker tries out under the last of the tenants' uids while no other worker of this machine does,
 * holding the lock on that uid: another one that starts would take the processes of a trial for the leftovers of
 * a job and kill them, and this one would believe that the machine keeps no tenants apart. Throws LaunchError
 * `isolation_unavailable` when its turn never comes, and what `work` throws.
 */
export async function inTurn<T>(locksRoot: string, { last }: UidRange, work: () => Promise<T>): Promise<T> {
  const unlock = await lockUidWithin(locksRoot, last, TURN_MS);
  if (unlock === null)
    throw new LaunchError('isolation_unavailable', `uid ${last} is never free to be tried`);
  try {
    return await work();
  } finally {
    unlock();
  }
}
