import type { TestTenant } from '../../tests/harness/outpost.ts';
import type { Cleanup } from '../measure/cleanup.ts';
import type { Server } from '../measure/start-process.ts';
import { startServer } from '../measure/start-process.ts';
import { cpuMs } from '../measure/proc.ts';
import type { World } from '../measure/world.ts';
import { startPeers, type Peers } from '../peers/start-peers.ts';
import { join } from 'node:path';

/** One way of accepting jobs over HTTP, with the same two routes. */
export type Subject = {
  readonly name: string;
  readonly endpoint: string;
  /** Whose request this client sends next: a fresh key may be any tenant's. */
  turn(client: number): Turn;
  /** One stored job of each tenant. */
  readonly jobIds: string[];
  /** Only so many requests can be made of it in one cell. */
  readonly requests: number;
  serverCpuMs(): number;
  storeCpuMs(): number;
};

export type Turn = { readonly apiKey: string; readonly tenant: number };

export type Subjects = {
  readonly subjects: readonly Subject[];
  readonly skipped: Peers['skipped'];
  readonly versions: Peers['versions'];
};

/** Outpost, the raw limit and the peers that are installed, all running, with the tenants' keys known to all. */
export async function startSubjects(
  cleanup: Cleanup,
  world: World,
  tenants: readonly TestTenant[],
  fresh: { keys: readonly string[]; perCell: number },
): Promise<Subjects> {
  const api = await world.startApi();
  const raw = await startServer('bench/api/raw-server.ts', {
    logFile: join(world.folder, 'raw.log'),
    env: world.env,
  });
  cleanup.add(() => raw.stop());
  const peers = await startPeers(cleanup, world.folder, tenants);
  const known = (client: number): Turn => ({ apiKey: at(tenants, client).apiKey, tenant: client });
  let used = 0;
  const unseen = (): Turn => {
    const apiKey = at(fresh.keys, used);
    used += 1;
    return { apiKey, tenant: (used - 1) % tenants.length };
  };
  const subject = (name: string, server: Server, storePid: number, uncached = false): Subject => ({
    name,
    endpoint: server.endpoint,
    turn: uncached ? unseen : known,
    jobIds: [],
    requests: uncached ? fresh.perCell : Infinity,
    serverCpuMs: () => cpuMs(server.pid),
    storeCpuMs: () => cpuMs(storePid),
  });
  const { pid } = world.local;
  return {
    subjects: [
      subject('Outpost', api, pid),
      subject('Outpost, uncached key', api, pid, true),
      subject('raw Bun.serve, same AWS calls', raw, pid),
      subject('raw, uncached key', raw, pid, true),
      ...peers.ready.map((peer) => subject(peer.name, peer.server, peer.store.pid)),
    ],
    skipped: peers.skipped,
    versions: peers.versions,
  };
}

function at<T>(list: readonly T[], index: number): T {
  const found = list[index];
  if (found === undefined) throw new RangeError(`only ${list.length} of them, and ${index} was asked for`);
  return found;
}
