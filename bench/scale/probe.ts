import { percentile } from '../framework/figures.ts';
import { closedLoop } from '../measure/closed-loop.ts';

/** One kind of request to a measured API. */
export type Probe = {
  readonly name: string;
  readonly method: 'GET' | 'POST';
  readonly status: number;
  path(n: number): string;
  apiKey(n: number): string;
  readonly body?: string;
};

export type Latency = { readonly p50: number; readonly p99: number };

/** Sends so many requests of one kind, `clients` at once. Throws Error for another status than expected. */
export async function send(
  endpoint: string,
  probe: Probe,
  options: { clients: number; requests: number },
): Promise<Latency> {
  const { latencies } = await closedLoop({
    clients: options.clients,
    requests: options.requests,
    seconds: Infinity,
    request: async (_, n) => {
      const answer = await fetch(`${endpoint}${probe.path(n)}`, {
        method: probe.method,
        headers: { authorization: `Bearer ${probe.apiKey(n)}`, 'content-type': 'application/json' },
        ...(probe.body === undefined ? {} : { body: probe.body }),
      });
      const text = await answer.text();
      if (answer.status !== probe.status) throw new Error(`${probe.name}: ${answer.status} ${text}`);
    },
  });
  return { p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99) };
}
