import { describeError } from '../../shared/errors.ts';
import { failpoint } from '../../shared/failpoint.ts';
import type { ReceivedJob } from '../../shared/queue/receive-jobs.ts';
import type { StopSignals, WorkerDeps } from '../deps.ts';
import type { Health } from '../health.ts';
import { concernsJob, LaunchError } from '../launcher/error.ts';
import { runJob } from '../run/run-job.ts';
import { pause } from '../../shared/pause.ts';
import { nextMessage } from './next-message.ts';
import { sendAnew } from './send-anew.ts';

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 10_000;

/**
 * Takes one job after the other until `stopping` is aborted. Outages of AWS are waited out with growing pauses.
 * Throws the LaunchError after which this machine must run no further job.
 */
export const runLoop = async (deps: WorkerDeps, health: Health, signals: StopSignals): Promise<void> => {
  health.ready = true;
  let wait = FIRST_PAUSE_MS;
  for (let pass = 1; !signals.stopping.aborted; pass += 1) {
    try {
      const received = await nextMessage(deps.queues, pass, signals.stopping);
      health.ready = !signals.stopping.aborted;
      if (received !== null) await handle(deps, health, received, signals);
      wait = FIRST_PAUSE_MS;
    } catch (error) {
      health.ready = false;
      deps.log.error('worker.pass_failed', describeError(error));
      // The machine may hold another tenant's processes or files: nothing else may run on it.
      if (error instanceof LaunchError && !concernsJob(error)) throw error;
      await pause(wait, signals.stopping);
      wait = Math.min(wait * 2, LONGEST_PAUSE_MS);
    }
  }
  health.ready = false;
};

/** Runs the job of a message, or leaves a poisoned one alone. */
export const handle = async (
  deps: WorkerDeps,
  health: Health,
  received: ReceivedJob,
  signals: StopSignals,
): Promise<void> => {
  await failpoint('worker.after_receive');
  if (received.message === undefined) {
    // Left to the redrive policy: after three receives it is among the dead letters.
    deps.log.warn('worker.poison_message', { priority: received.priority, receives: received.receiveCount });
    return;
  }
  if (signals.stopping.aborted) return sendAnew(deps.queues, received);
  const { tenant_id, job_id } = received.message;
  const since = new Date(deps.clock.now()).toISOString();
  health.currentJob = { job_id, tenant_id, since };
  try {
    await runJob(deps, received, received.message, signals);
  } finally {
    health.currentJob = null;
  }
};
