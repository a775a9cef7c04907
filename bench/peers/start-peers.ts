import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { installPeerPackages } from '../../cli/peer-packages.ts';
import { hashApiKey } from '../../shared/hash.ts';
import { freePort } from '../../tests/harness/free-port.ts';
import type { Cleanup } from '../measure/cleanup.ts';
import { type Process, type Server, startServer } from '../measure/start-process.ts';
import { startPostgres } from './postgres.ts';
import { startRedis } from './redis.ts';
import { PEER_SETTINGS_VARIABLE, type PeerSettings } from './settings.ts';

/** A queue that users might pick instead, with the same HTTP in front. */
export type Peer = {
  readonly name: string;
  readonly server: Server;
  readonly store: Process;
  startWorker(agent: readonly string[], concurrency: number): Promise<Server>;
};

export type Peers = {
  readonly ready: readonly Peer[];
  readonly skipped: readonly { readonly what: string; readonly reason: string }[];
  readonly versions: Readonly<Record<string, string>>;
};

export type PeerKey = { readonly apiKey: string; readonly tenantId: string };

const PEPPER = 'bench-pepper-bench-pepper-bench-pepper';

/** Starts every peer whose server is installed, durable, in folders of their own; the others are skipped by name. */
export async function startPeers(cleanup: Cleanup, folder: string, keys: readonly PeerKey[]): Promise<Peers> {
  try {
    await installPeerPackages();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { ready: [], skipped: [{ what: 'BullMQ and graphile-worker', reason }], versions: {} };
  }
  const keysFile = join(folder, 'peer-keys.json');
  const stored = keys.map(({ apiKey, tenantId }) => ({
    hash: hashApiKey(PEPPER, apiKey),
    tenant_id: tenantId,
  }));
  writeFileSync(keysFile, JSON.stringify(stored), { mode: 0o600 });
  const start = { cleanup, folder, keysFile };
  const ready: Peer[] = [];
  const skipped: { what: string; reason: string }[] = [];
  const versions: Record<string, string> = {};
  for (const fsync of ['always', 'everysec'] as const) {
    const redis = await startRedis(cleanup, join(folder, `redis-${fsync}`), freePort(), fsync);
    if (redis.kind === 'missing') {
      skipped.push({ what: `BullMQ, fsync ${fsync}`, reason: redis.reason });
      continue;
    }
    versions['redis'] = redis.version;
    ready.push(
      await startPeer(start, `BullMQ, fsync ${fsync}`, 'bullmq', redis.process, { port: redis.port }),
    );
  }
  const postgres = await startPostgres(cleanup, join(folder, 'postgres'));
  if (postgres.kind === 'missing') {
    skipped.push({ what: 'graphile-worker', reason: postgres.reason });
  } else {
    versions['postgresql'] = postgres.version;
    const { process: store, socketFolder } = postgres;
    ready.push(await startPeer(start, 'graphile-worker', 'graphile', store, { socketFolder }));
  }
  return { ready, skipped, versions: { ...versions, ...(await packageVersions()) } };
}

type PeerStart = { readonly cleanup: Cleanup; readonly folder: string; readonly keysFile: string };

async function startPeer(
  { cleanup, folder, keysFile }: PeerStart,
  name: string,
  kind: 'bullmq' | 'graphile',
  store: Process,
  where: Pick<PeerSettings, 'port' | 'socketFolder'>,
): Promise<Peer> {
  const logs = join(folder, name.replaceAll(/\W+/g, '-'));
  mkdirSync(logs, { recursive: true });
  const start = async (
    part: 'server' | 'worker',
    more: Pick<PeerSettings, 'agent' | 'concurrency'>,
  ): Promise<Server> => {
    const settings: PeerSettings = { pepper: PEPPER, keysFile, ...where, ...more };
    const server = await startServer(`bench/peers/${kind}/${part}.ts`, {
      logFile: join(logs, `${part}.log`),
      env: { [PEER_SETTINGS_VARIABLE]: JSON.stringify(settings) },
    });
    cleanup.add(() => server.stop());
    return server;
  };
  const server = await start('server', { agent: [], concurrency: 0 });
  return {
    name,
    server,
    store,
    startWorker: (agent, concurrency) => start('worker', { agent: [...agent], concurrency }),
  };
}

async function packageVersions(): Promise<Record<string, string>> {
  const manifest: { dependencies: Record<string, string> } = await Bun.file(
    join(import.meta.dirname, 'package.json'),
  ).json();
  const { bullmq = '', 'graphile-worker': graphile = '' } = manifest.dependencies;
  return { bullmq, 'graphile-worker': graphile };
}
