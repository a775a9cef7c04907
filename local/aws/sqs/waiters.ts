/** Who waits for a message of which queue. */
export type Waiters = {
  /** Resolves when the queue is woken, after `ms`, when the signal aborts, or when everything stops. */
  wait(queue: string, ms: number, signal: AbortSignal): Promise<void>;
  wake(queue: string): void;
  wakeAll(): void;
  stop(): void;
  readonly stopped: boolean;
};

export function createWaiters(): Waiters {
  const waiting = new Map<string, Set<() => void>>();
  let stopped = false;
  const wake = (queue: string): void => {
    for (const resume of waiting.get(queue) ?? []) resume();
  };
  const wakeAll = (): void => {
    for (const queue of waiting.keys()) wake(queue);
  };
  return {
    wake,
    wakeAll,
    get stopped() {
      return stopped;
    },
    stop() {
      stopped = true;
      wakeAll();
    },
    wait(queue, ms, signal) {
      if (stopped || signal.aborted) return Promise.resolve();
      const resumes = waiting.get(queue) ?? new Set();
      waiting.set(queue, resumes);
      return new Promise((resolve) => {
        const resume = (): void => {
          clearTimeout(timer);
          signal.removeEventListener('abort', resume);
          resumes.delete(resume);
          if (resumes.size === 0) waiting.delete(queue);
          resolve();
        };
        const timer = setTimeout(resume, ms);
        signal.addEventListener('abort', resume);
        resumes.add(resume);
      });
    },
  };
}
