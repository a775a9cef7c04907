import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { decodeCursor, encodeCursor } from '../../api/operations/page.ts';
import { EnvError, readEnv } from '../../shared/env.ts';
import { OutpostError } from '../../shared/errors.ts';
import { constantTimeEqual, hashApiKey } from '../../shared/hash.ts';
import { newUlid, newUuid, randomHex } from '../../shared/ids.ts';
import { createLog } from '../../shared/log.ts';
import { Ulid, Uuid } from '../../shared/model/primitives.ts';
import { effectiveLimits, PLANS } from '../../shared/plans.ts';
import { writeExpression } from '../../shared/store/expression.ts';

describe('ids', () => {
  test('rise strictly, also within a millisecond and when the clock goes back', () => {
    const made = Array.from({ length: 5_000 }, (_, index) => newUlid(1_700_000_000_000 - (index % 7)));
    expect(made.toSorted()).toEqual(made);
    expect(new Set(made).size).toBe(made.length);
    expect(made.every((id) => Ulid.allows(id))).toBe(true);
  });

  test('are of the shape that models demand', () => {
    expect(Uuid.allows(newUuid())).toBe(true);
    expect(randomHex(16)).toMatch(/^[0-9a-f]{32}$/);
    expect(randomHex(16)).not.toBe(randomHex(16));
  });
});

describe('the environment', () => {
  test('is refused with every problem at once, and without a value', () => {
    const source = {
      OUTPOST_ENV: 'planted-value',
      PORT: '99999',
      OUTPOST_PEPPER: 'planted-short',
      AWS_REGION: '',
    };
    try {
      readEnv(source, ['OUTPOST_ENV', 'PORT', 'AWS_REGION', 'OUTPOST_QUEUE_BASE_URL'], ['OUTPOST_PEPPER']);
      throw new Error('it was taken');
    } catch (error) {
      if (!(error instanceof EnvError)) throw error;
      expect(error.problems).toHaveLength(5);
      for (const name of ['OUTPOST_ENV', 'PORT', 'AWS_REGION', 'OUTPOST_QUEUE_BASE_URL', 'OUTPOST_PEPPER']) {
        expect(error.message).toContain(name);
      }
      expect(error.message).not.toContain('planted');
      expect(error.message).not.toContain('99999');
    }
  });

  test('is parsed, with fallbacks, and takes an empty value for none', () => {
    const env = readEnv({ OUTPOST_ENV: 'dev', PORT: '' }, ['OUTPOST_ENV', 'PORT'], ['AWS_ENDPOINT_URL']);
    expect(env).toEqual({ OUTPOST_ENV: 'dev', PORT: 8787 });
  });
});

describe('the log', () => {
  const lines: string[] = [];
  const log = createLog(
    (line) => lines.push(line),
    { service: 'test' },
    () => 0,
  );
  // Put together here, so that no scanner takes a sample for a leak.
  const credentials = [
    `op_live_${'0123456789abcdef'.repeat(2)}`,
    `op_test_${'0123456789abcdef'.repeat(2)}`,
    `sk-ant-api03-${'a'.repeat(40)}`,
    `xai-${'b'.repeat(40)}`,
    `AIza${'c'.repeat(35)}`,
    `whsec_${'d'.repeat(32)}`,
    `sk_live_${'e'.repeat(24)}`,
  ];

  test('cuts credentials out of every field, key and nested value', () => {
    for (const credential of credentials) {
      lines.length = 0;
      log.error('event', { a: credential, b: { c: [`x ${credential} y`] }, [credential]: 1 });
      log.with({ base: credential }).info('event');
      expect(lines).toHaveLength(2);
      expect(lines.join('')).not.toContain(credential);
      expect(lines.join('')).toContain('[redacted]');
    }
  });

  test('is one JSON object a line, whose stamp no field replaces', () => {
    lines.length = 0;
    log.info('real', { event: 'forged', level: 'forged', at: 'forged', text: 'a\nb' });
    expect(lines[0]).not.toContain('\n');
    const entry: unknown = JSON.parse(lines[0] ?? '');
    expect(entry).toMatchObject({
      event: 'real',
      level: 'info',
      at: '1970-01-01T00:00:00.000Z',
      service: 'test',
    });
  });
});

describe('hashes', () => {
  test('depend on the pepper and are compared whatever their length', () => {
    expect(hashApiKey('a', 'key')).not.toBe(hashApiKey('b', 'key'));
    expect(hashApiKey('a', 'key')).toMatch(/^[0-9a-f]{64}$/);
    expect([constantTimeEqual('a', 'a'), constantTimeEqual('a', 'b'), constantTimeEqual('a', 'aa')]).toEqual([
      true,
      false,
      false,
    ]);
  });
});

describe('plans', () => {
  test('hold where no override is set, and an override wins, 0 included', () => {
    expect(PLANS.free.jobs_per_period).toBe(10);
    expect(PLANS.pro.jobs_per_period).toBe(100);
    expect(PLANS.enterprise.jobs_per_period).toBeNull();
    expect(effectiveLimits('free', {})).toEqual(PLANS.free);
    expect(effectiveLimits('free', { jobs_per_period: 0, concurrent_jobs: null })).toEqual({
      ...PLANS.free,
      jobs_per_period: 0,
    });
  });
});

describe('cursors', () => {
  test('come back as they were, and only to their own list', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[\x20-\x7e]{1,100}$/), (last) => {
        const cursor = encodeCursor('jobs', last);
        expect(cursor).toMatch(/^[A-Za-z0-9_-]+$/);
        expect(decodeCursor('jobs', cursor, /^[\x20-\x7e]+$/)).toBe(last);
        expect(() => decodeCursor('tenants', cursor, /./)).toThrow(OutpostError);
        expect(() => decodeCursor('jobs', cursor, /^never$/)).toThrow(OutpostError);
      }),
    );
  });

  test('that were not handed out are refused, whatever they are', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), (text) => {
        expect(() => decodeCursor('jobs', text, /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/)).toThrow(OutpostError);
      }),
    );
  });
});

describe('expressions', () => {
  test('name and value everything, and nothing else', () => {
    expect(
      writeExpression({
        set: { status: 'x', gone: undefined },
        setTo: { limit: 'if_not_exists(#limit, :limit)' },
        add: { used: 1 },
        remove: ['slot'],
        condition: '#status = :seen',
        values: { limit: 5, seen: 'y' },
      }),
    ).toEqual({
      UpdateExpression:
        'SET #status = :set_status, #limit = if_not_exists(#limit, :limit) ADD #used :add_used REMOVE #slot',
      ConditionExpression: '#status = :seen',
      ExpressionAttributeNames: { '#status': 'status', '#limit': 'limit', '#used': 'used', '#slot': 'slot' },
      ExpressionAttributeValues: {
        ':set_status': { S: 'x' },
        ':limit': { N: '5' },
        ':seen': { S: 'y' },
        ':add_used': { N: '1' },
      },
    });
    expect(writeExpression({})).toEqual({});
  });
});
