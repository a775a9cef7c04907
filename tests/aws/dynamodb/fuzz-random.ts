import type { AttributeValue } from '@aws-sdk/client-dynamodb';

/** A seeded source of choices: the same seed makes the same run. */
export type Random = {
  /** A whole number in [0, below). */
  below(limit: number): number;
  chance(probability: number): boolean;
  pick<T>(values: readonly T[]): T;
  /** A number of draws in [min, max]. */
  some<T>(min: number, max: number, draw: () => T): T[];
};

/** mulberry32: 32 bits of state, good enough to choose test cases. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  const pick = <T>(values: readonly T[]): T => {
    const value = values[below(values.length)];
    if (value === undefined) throw new Error('nothing to pick from');
    return value;
  };
  return {
    below,
    chance: (probability) => next() < probability,
    pick,
    some: (min, max, draw) => Array.from({ length: min + below(max - min + 1) }, draw),
  };
}

const TEXTS = ['', 'a', 'ab', 'abc', 'b', 'é', 'zz', '日本', 'a b'];
const NUMBERS = [
  '0',
  '1',
  '2',
  '-1',
  '-2',
  '10',
  '1.5',
  '-1.50',
  '0.001',
  '1e3',
  '1E-7',
  '123456789012345678901234567890',
  '99999999999999999999999999999999999999',
  '0100',
  '3',
];

/** Any attribute value, nested at most so deep. */
export function anyValue(random: Random, depth = 2): AttributeValue {
  const kind = random.below(depth > 0 ? 12 : 8);
  switch (kind) {
    case 0:
    case 1:
      return { S: random.pick(TEXTS) };
    case 2:
    case 3:
    case 4:
      return { N: random.pick(NUMBERS) };
    case 5:
      return { BOOL: random.chance(0.5) };
    case 6:
      return random.chance(0.5) ? { NULL: true } : { B: Buffer.from(random.pick(TEXTS.slice(1))) };
    case 7:
      return random.chance(0.5)
        ? { SS: [...new Set(random.some(1, 3, () => random.pick(TEXTS.slice(1))))] }
        : { NS: [...new Set(random.some(1, 3, () => random.pick(['1', '2', '3', '-4'])))] };
    case 8:
    case 9:
      return { L: random.some(0, 3, () => anyValue(random, depth - 1)) };
    default:
      return {
        M: Object.fromEntries(
          random.some(0, 3, () => [random.pick(['x', 'y', 'z']), anyValue(random, depth - 1)]),
        ),
      };
  }
}

/** A value fit for a key of the type, from a small domain so that keys meet. */
export const keyValue = (random: Random, type: 'S' | 'N'): AttributeValue =>
  type === 'S'
    ? { S: random.pick(['a', 'ab', 'abc', 'b', 'é', 'zz']) }
    : { N: random.pick(['-10', '-2', '-1.5', '0', '1', '2', '10', '100', '12.5']) };

/** A number, in any notation. */
export const numberValue = (random: Random): AttributeValue => ({ N: random.pick(NUMBERS) });
