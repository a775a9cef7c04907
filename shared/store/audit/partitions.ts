import { sha256 } from '../../hash.ts';

/** Strangers' calls are spread over shards, so that a flood of them is no hot partition. */
export const ANONYMOUS_SHARDS = 8;

export const anonymousPartition = (day: string, shard: number): string => `anonymous#${day}#${shard}`;

/** Where the entry of a call lies that nobody was authenticated for. */
export const partitionOfStranger = (timestamp: string, requestId: string): string =>
  anonymousPartition(
    timestamp.slice(0, 10),
    Number.parseInt(sha256(requestId).slice(0, 4), 16) % ANONYMOUS_SHARDS,
  );
