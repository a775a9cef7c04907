/** What a closed loop has seen: one latency a request, in milliseconds. */
export type Load = { readonly latencies: readonly number[]; readonly seconds: number };

/**
 * So many clients, each sending its next request when its last was answered, until the time is over or all
 * requests are sent. The first failure ends it and passes.
 */
export async function closedLoop(options: {
  clients: number;
  seconds: number;
  requests?: number;
  request: (client: number, n: number) => Promise<void>;
}): Promise<Load> {
  const { clients, seconds, requests = Infinity, request } = options;
  const latencies: number[] = [];
  const started = performance.now();
  const until = started + seconds * 1000;
  let sent = 0;
  const client = async (index: number): Promise<void> => {
    while (sent < requests && performance.now() < until) {
      const n = sent;
      sent += 1;
      const begun = performance.now();
      await request(index, n);
      latencies.push(performance.now() - begun);
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, index) => client(index)));
  return { latencies, seconds: (performance.now() - started) / 1000 };
}
