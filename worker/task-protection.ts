import { describeError } from '../shared/errors.ts';
import type { Log } from '../shared/log.ts';

/**
 * Keeps ECS from ending this task in a scale-in while it runs a job. Best effort: an unprotected task that is
 * ended hands its job back.
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-scale-in-protection-endpoint.html
 */
export type TaskProtection = {
  /** Asks for protection for at most so many seconds. Returns at once; never fails. */
  on(seconds: number): void;
  off(): void;
  /** Resolves when everything that was asked for has been answered or given up. */
  settled(): Promise<void>;
};

const ANSWER_MS = 5_000;
/** What ECS allows. */
const MINUTES_MAX = 2_880;

/** Does nothing where there is no ECS agent. */
export const createTaskProtection = (agentUri: string | undefined, log: Log): TaskProtection => {
  let last: Promise<void> = Promise.resolve();
  const put = async (state: object): Promise<void> => {
    try {
      const answer = await fetch(`${agentUri}/task-protection/v1/state`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(state),
        signal: AbortSignal.timeout(ANSWER_MS),
      });
      const text = await answer.text();
      if (!answer.ok) throw new Error(`${answer.status} ${text.slice(0, 300)}`);
    } catch (error) {
      log.warn('worker.task_protection_failed', { ...state, ...describeError(error) });
    }
  };
  const ask = (state: object): void => {
    if (agentUri === undefined) return;
    last = last.then(() => put(state));
  };
  return {
    on: (seconds) =>
      ask({ ProtectionEnabled: true, ExpiresInMinutes: Math.min(Math.ceil(seconds / 60), MINUTES_MAX) }),
    off: () => ask({ ProtectionEnabled: false }),
    settled: () => last,
  };
};
