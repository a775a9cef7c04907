import { join } from 'node:path';

import { LaunchError } from '../launcher/error.ts';
import type { Isolation } from '../launcher/isolation.ts';
import type { KillTarget } from '../launcher/kill.ts';
import { spawnService } from '../launcher/service.ts';
import { READY_LINE, type WatchdogMessage, writeArguments, writeMessage } from './protocol.ts';

export type Watchdog = {
  readonly pid: number;
  /**
   * From now on the target dies within `deadlineMs` milliseconds from now unless this is called again: call it
   * before launch and at every renewal of the lease, with what is left of the lease. One target at a time.
   * Throws LaunchError `watchdog_failed` when the watchdog is gone; then nothing may be started.
   */
  guard(target: KillTarget, deadlineMs: number): void;
  /** The target has been killed and wiped by the supervisor itself. */
  release(): void;
  /** Ends the watchdog, which first kills a target that was not released. */
  close(): Promise<void>;
  /** Resolves when the watchdog has ended. Unless close was called, the worker must stop too. */
  readonly exited: Promise<void>;
};

const READY_TIMEOUT_MS = 30_000;
/** Covers a full killAll and the imprecision of two processes' timers. */
const DEFAULT_MARGIN_MS = 10_000;

/**
 * Starts the watchdog process beside this supervisor. `marginMs` is how long before a deadline it begins to
 * kill. Throws LaunchError `watchdog_failed` when it does not answer within 30 s.
 */
export async function startWatchdog(
  isolation: Isolation,
  options: { readonly locksRoot: string; readonly marginMs?: number },
): Promise<Watchdog> {
  const { level, uids } = isolation;
  const { locksRoot, marginMs = DEFAULT_MARGIN_MS } = options;
  const main = join(import.meta.dirname, 'main.ts');
  const service = spawnService([
    process.execPath,
    main,
    ...writeArguments({ level, uids, marginMs, locksRoot }),
  ]);
  const send = (message: WatchdogMessage): void => {
    if (!service.isRunning()) throw new LaunchError('watchdog_failed', 'the watchdog has ended');
    service.write(writeMessage(message));
  };
  if (!(await service.answers(READY_LINE, READY_TIMEOUT_MS))) {
    service.kill();
    throw new LaunchError('watchdog_failed', 'the watchdog did not start');
  }
  return {
    pid: service.pid,
    guard: (target, deadlineMs) => send({ type: 'guard', target, deadlineMs }),
    release: () => {
      // A dead one guards nothing; the worker that hears of its end has still to wipe.
      if (service.isRunning()) send({ type: 'release' });
    },
    async close() {
      service.endInput();
      await service.exited;
    },
    exited: service.exited,
  };
}
