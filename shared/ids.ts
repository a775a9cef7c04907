import { monotonicFactory } from 'ulid';

const nextUlid = monotonicFactory();

/** A ULID, strictly increasing within this process even inside one millisecond. */
export const newUlid = (at?: number): string => nextUlid(at);

/** A random UUID (version 4), lower case. */
export const newUuid = (): string => crypto.randomUUID();

/** `bytes` random bytes as lower-case hex. */
export const randomHex = (bytes: number): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');
