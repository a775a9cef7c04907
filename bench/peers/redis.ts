import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Cleanup } from '../measure/cleanup.ts';
import { type Process, startCommand } from '../measure/start-process.ts';
import { until } from '../measure/until.ts';

export type Redis =
  | { readonly kind: 'ready'; readonly process: Process; readonly port: number; readonly version: string }
  | { readonly kind: 'missing'; readonly reason: string };

/** Redis with its append-only file and this fsync policy, on loopback. */
export async function startRedis(
  cleanup: Cleanup,
  folder: string,
  port: number,
  fsync: 'always' | 'everysec',
): Promise<Redis> {
  if (Bun.which('redis-server') === null) {
    return { kind: 'missing', reason: 'redis-server is not installed (apt-get install redis-server)' };
  }
  mkdirSync(folder);
  const options = {
    bind: '127.0.0.1',
    port: String(port),
    dir: folder,
    save: '',
    appendonly: 'yes',
    appendfsync: fsync,
  };
  const argv = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
  const process = startCommand(['redis-server', ...argv], { logFile: join(folder, 'redis.log') });
  cleanup.add(() => process.stop());
  await until(`Redis in ${folder}`, async () => (await ping(port)).startsWith('+PONG'));
  const version = Bun.spawnSync(['redis-server', '--version']).stdout.toString();
  return { kind: 'ready', process, port, version: /v=([\d.]+)/.exec(version)?.[1] ?? 'unknown' };
}

/** Its answer to PING; nothing while it does not listen. */
function ping(port: number): Promise<string> {
  return new Promise((resolve) => {
    Bun.connect({
      hostname: '127.0.0.1',
      port,
      socket: {
        open: (socket) => void socket.write('PING\r\n'),
        data: (socket, data) => {
          socket.end();
          resolve(data.toString());
        },
        error: () => resolve(''),
        connectError: () => resolve(''),
      },
    }).catch(() => resolve(''));
  });
}
