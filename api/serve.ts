import process from 'node:process';
import { EnvError, readEnv } from '../shared/env.ts';
import { armFromEnv } from '../shared/failpoint-text.ts';
import { createApp } from './app.ts';
import { createApiDeps, readApiEnv } from './deps.ts';
import { BODY_MAX_BYTES } from './http/read-request.ts';

/**
 * The API as a server on loopback: the entry for one machine, on Bun and on Deno. Prints one line of JSON with
 * its address when it serves; ends cleanly on SIGTERM and SIGINT, giving open answers a moment to finish.
 */
const CLOSE_GRACE_MS = 3_000;
/** So long AWS may keep what is written beside the answers. */
const SETTLE_GRACE_MS = 10_000;
/** Beyond it Bun itself answers, with no problem document. */
const TRANSPORT_MAX_BYTES = BODY_MAX_BYTES * 128;

const print = (line: string): void => void process.stdout.write(`${line}\n`);

async function serve(): Promise<void> {
  const { PORT: port, ...env } = readEnv(process.env, ['PORT', 'OUTPOST_ENV'], ['OUTPOST_FAILPOINTS']);
  armFromEnv(env, {
    kill: () => void process.kill(process.pid, 'SIGKILL'),
    stop: () => void process.kill(process.pid, 'SIGSTOP'),
  });
  const deps = await createApiDeps(readApiEnv(process.env), {
    write: print,
    streaming: true,
    billing: true,
  });
  const app = createApp(deps);
  const { address, close } = listen(port, app);
  const stop = (): void => {
    // What the last requests left under way, such as the last use of their keys.
    void close()
      .then(() => Promise.race([deps.keyUse.settled(), after(SETTLE_GRACE_MS)]))
      .then(() => process.exit(0));
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  print(JSON.stringify({ endpoint: address, pid: process.pid }));
}

type Listening = { readonly address: string; readonly close: () => Promise<void> };
type DenoServer = { readonly addr: { readonly port: number }; shutdown(): Promise<void> };
type DenoRuntime = {
  serve(
    options: { hostname: string; port: number; onListen: () => void },
    handler: (request: Request, info: { remoteAddr: { hostname: string } }) => Promise<Response>,
  ): DenoServer;
};

function listen(port: number, app: ReturnType<typeof createApp>): Listening {
  const hostname = '127.0.0.1';
  const deno = (globalThis as { Deno?: DenoRuntime }).Deno;
  if (deno !== undefined) {
    const server = deno.serve({ hostname, port, onListen: () => undefined }, (request, info) =>
      app(request, { sourceIp: info.remoteAddr.hostname }),
    );
    return {
      address: `http://${hostname}:${server.addr.port}`,
      close: () => Promise.race([server.shutdown(), after(CLOSE_GRACE_MS)]),
    };
  }
  const server = Bun.serve({
    hostname,
    port,
    // Streams stay open; the app enforces the smaller limit and answers it as a problem.
    idleTimeout: 0,
    maxRequestBodySize: TRANSPORT_MAX_BYTES,
    fetch: (request, bun) => app(request, { sourceIp: bun.requestIP(request)?.address ?? null }),
  });
  return {
    address: `http://${hostname}:${server.port}`,
    close: async () => {
      // stop() alone also waits for idle connections that clients keep open.
      const deadline = performance.now() + CLOSE_GRACE_MS;
      while (server.pendingRequests > 0 && performance.now() < deadline) await after(10);
      await server.stop(true);
    },
  };
}

const after = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });

try {
  await serve();
} catch (error) {
  if (!(error instanceof EnvError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}
