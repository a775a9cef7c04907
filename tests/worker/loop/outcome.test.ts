import { describe, expect, test } from 'bun:test';
import { isRetried, judge } from '../../../worker/run/outcome.ts';

const job = { timeout_seconds: 60 };
const ok = { ok: true } as const;
const bad = { ok: false, code: 'provider_error', message: 'no answer' } as const;
const exit = (exitCode: number | null, signal: string | null = null) => ({ exitCode, signal });

describe('the outcome of an attempt', () => {
  test('is the cancellation before all else, whatever the agent says', () => {
    expect(judge('cancelled', exit(0), ok, job)).toMatchObject({ status: 'cancelled', exitCode: 0 });
    expect(judge('cancelled', exit(0), ok, { ...job, cancel_reason: 'Deleted.' }).failure?.message).toBe(
      'Deleted.',
    );
  });

  test('is the timeout before the terminal event', () => {
    expect(judge('timed_out', exit(0), ok, job)).toMatchObject({ status: 'timed_out' });
  });

  test('is the terminal event before the exit code', () => {
    expect(judge('exited', exit(1), ok, job)).toMatchObject({
      status: 'succeeded',
      failure: null,
      exitCode: 1,
    });
    expect(judge('exited', exit(0), bad, job)).toMatchObject({
      status: 'failed',
      failure: { code: 'provider_error', message: 'no answer' },
    });
  });

  test('is the exit code where there is no terminal event', () => {
    expect(judge('exited', exit(0), null, job)).toMatchObject({ status: 'succeeded' });
    expect(judge('exited', exit(7), null, job)).toMatchObject({
      status: 'failed',
      failure: { code: 'agent_error' },
    });
    expect(judge('exited', exit(null, 'SIGKILL'), null, job).failure?.message).toContain('SIGKILL');
  });

  test('is repeated only for a failed agent, and only as often as the job asks', () => {
    const failed = judge('exited', exit(1), null, job);
    const attempts = [0, 1, 2].map((agent_failures) =>
      isRetried(failed, { agent_failures, max_attempts: 3 }),
    );
    expect(attempts).toEqual([true, true, false]);
    expect(isRetried(failed, { agent_failures: 0, max_attempts: 1 })).toBe(false);
    const timedOut = judge('timed_out', exit(null, 'SIGTERM'), null, job);
    expect(isRetried(timedOut, { agent_failures: 0, max_attempts: 3 })).toBe(false);
  });
});
