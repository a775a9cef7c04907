import { describe, expect, test } from 'bun:test';

import {
  readArguments,
  readMessage,
  writeArguments,
  writeMessage,
} from '../../../worker/watchdog/protocol.ts';

describe('the protocol of the watchdog', () => {
  test('what is written is read', () => {
    const messages = [
      { type: 'guard', target: { uid: 200_000, jobId: '01JD0000000000000000000000' }, deadlineMs: 300_000 },
      { type: 'guard', target: { uid: null, jobId: 'job_1-a' }, deadlineMs: 0 },
      { type: 'release' },
    ] as const;
    for (const message of messages) expect(readMessage(writeMessage(message).trimEnd())).toEqual(message);
    const settings = {
      level: 'uid',
      uids: { first: 200_000, last: 1_199_999 },
      marginMs: 10_000,
      locksRoot: '/a folder/locks',
    } as const;
    expect(readArguments(writeArguments(settings))).toEqual(settings);
  });

  test('a deadline that has passed is due now', () => {
    const message = { type: 'guard', target: { uid: null, jobId: 'a' }, deadlineMs: -5.5 } as const;
    expect(readMessage(writeMessage(message).trimEnd())).toMatchObject({ deadlineMs: 0 });
  });

  test('anything else is an error', () => {
    for (const line of [
      '',
      'guard',
      'guard 0',
      'guard x job 1',
      'guard 1 a b 1',
      'guard 1 ../a 1',
      'release ',
      '{}',
    ]) {
      expect(() => readMessage(line)).toThrow('no message');
    }
    for (const words of [
      [],
      ['uid'],
      ['root', '/l', '1', '2', '3'],
      ['uid', '/l', '1', '2'],
      ['uid', '/l', '1', 'x', '3'],
    ]) {
      expect(() => readArguments(words)).toThrow();
    }
  });
});
