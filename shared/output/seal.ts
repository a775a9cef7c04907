import { eventId } from '../model/event.ts';
import { contiguousChunks } from './chunks.ts';
import type { OutputStore } from './chunks.ts';

/**
 * For each attempt the last event that joins its first one without a hole: what a later claim seals it with.
 * An attempt without events gets the id before its first. Call it only after the claim is committed: what a
 * worker writes that lost the job lies beyond the seal then, or was already visible to readers.
 */
export const lastEventIds = async (
  store: OutputStore,
  tenantId: string,
  jobId: string,
  attempts: readonly number[],
): Promise<Record<string, number>> => {
  const entries = attempts.map(async (attempt) => {
    let last = eventId(attempt, 0);
    for await (const chunk of contiguousChunks(store, { tenantId, jobId, attempt }, last)) {
      last = chunk.last;
    }
    return [String(attempt), last] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
};
