import { afterEach, describe, expect, test } from 'bun:test';
import { armFailpoints, failpoint } from '../../shared/failpoint.ts';
import { armFromEnv } from '../../shared/failpoint-text.ts';

afterEach(() => armFailpoints(new Map()));

const arm = (text: string, environment = 'local'): string[] => {
  const done: string[] = [];
  armFromEnv(
    { OUTPOST_ENV: environment, OUTPOST_FAILPOINTS: text },
    { kill: () => void done.push('kill'), stop: () => void done.push('stop') },
  );
  return done;
};

describe('OUTPOST_FAILPOINTS', () => {
  test('arms each named place with its action, and no other', async () => {
    const done = arm('api.after_send=kill,worker.after_claim=stop,worker.after_seal=throw');
    await failpoint('api.after_send');
    await failpoint('worker.after_claim');
    await failpoint('worker.after_end');
    expect(done).toEqual(['kill', 'stop']);
    await expect(failpoint('worker.after_seal')).rejects.toThrow('worker.after_seal');
  });

  test('can wait', async () => {
    arm('worker.after_exit=sleep:50');
    const before = performance.now();
    await failpoint('worker.after_exit');
    expect(performance.now() - before).toBeGreaterThanOrEqual(45);
  });

  test('is refused in prod, and with names and actions that do not exist', () => {
    expect(() => arm('api.after_send=kill', 'prod')).toThrow('prod');
    expect(() => arm('api.nowhere=kill')).toThrow('api.nowhere');
    expect(() => arm('api.after_send=explode')).toThrow('explode');
    expect(() => arm('api.after_send')).toThrow('no action');
  });
});

test('unset, nothing is armed', async () => {
  const done: string[] = [];
  const act = (): void => void done.push('acted');
  armFromEnv({ OUTPOST_ENV: 'prod' }, { kill: act, stop: act });
  await failpoint('api.after_send');
  expect(done).toEqual([]);
});
