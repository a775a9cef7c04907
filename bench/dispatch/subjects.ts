import type { TestTenant } from '../../tests/harness/outpost.ts';
import { DATE_ARGV } from '../measure/agents.ts';
import type { Cleanup } from '../measure/cleanup.ts';
import type { World } from '../measure/world.ts';
import { type Peers, startPeers } from '../peers/start-peers.ts';
import type { Subject } from './subject.ts';

export type Subjects = Pick<Peers, 'skipped' | 'versions'> & { readonly subjects: readonly Subject[] };

/**
 * Outpost's API and the peers, each with one worker of `slots` agents at once. Outpost's own workers are started by the benchmark.
 */
export async function startSubjects(
  cleanup: Cleanup,
  world: World,
  tenants: readonly TestTenant[],
  slots: number,
): Promise<Subjects> {
  const api = await world.startApi();
  await world.startFunctions();
  const peers = await startPeers(cleanup, world.folder, tenants);
  for (const peer of peers.ready) await peer.startWorker(DATE_ARGV, slots);
  return {
    subjects: [
      { name: 'Outpost', endpoint: api.endpoint },
      ...peers.ready.map(({ name, server }) => ({ name, endpoint: server.endpoint })),
    ],
    skipped: peers.skipped,
    versions: peers.versions,
  };
}
