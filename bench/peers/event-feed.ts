/** What a peer says of a job, in the shape of Outpost's events. */
export type PeerEvent =
  | { readonly type: 'status'; readonly status: 'running' }
  | { readonly type: 'stdout'; readonly data: string }
  | { readonly type: 'end' };

/** The events of all jobs: kept for followers who come late, handed to those who wait. */
export type EventFeed = {
  put(jobId: string, event: PeerEvent): void;
  /** Hands over what has been and what comes; answers how to stop. */
  follow(jobId: string, handle: (event: PeerEvent) => void): () => void;
};

export function createEventFeed(): EventFeed {
  const past = new Map<string, PeerEvent[]>();
  const followers = new Map<string, (event: PeerEvent) => void>();
  return {
    put(jobId, event) {
      past.set(jobId, [...(past.get(jobId) ?? []), event]);
      followers.get(jobId)?.(event);
    },
    follow(jobId, handle) {
      past.get(jobId)?.forEach(handle);
      followers.set(jobId, handle);
      return () => void followers.delete(jobId);
    },
  };
}
