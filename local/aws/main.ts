import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createCalls } from './calls.ts';
import { composeAws } from './compose.ts';
import { loadCredentials } from './credentials.ts';
import { openDatabase } from './database.ts';
import { createFaults } from './faults.ts';
import { lockFolder } from './lock.ts';
import { createGroupCommit } from './group-commit.ts';
import { provisionOutpost } from './provision.ts';
import { startServer, type Server } from './server.ts';
import { readSettings, type Settings } from './settings.ts';

/** `bun run aws`: AWS on one machine, on one port and in one folder. docs/local-aws.md has the flags. */
async function main(): Promise<void> {
  const settings = readSettings(process.argv.slice(2), process.env);
  const folder = join(resolve(settings.dataDir), 'aws');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const unlock = lockFolder(folder);
  if (unlock === undefined) {
    throw new Error(`Another local AWS already uses ${folder}: stop it, or set OUTPOST_DATA_DIR.`);
  }
  const database = openDatabase(folder);
  let endpoint = `http://127.0.0.1:${settings.port}`;
  let ahead = 0;
  const now = (): number => Date.now() + ahead;
  const aws = composeAws(database, now, {
    endpoint: () => endpoint,
    ...(settings.functionsUrl === undefined ? {} : { functionsUrl: settings.functionsUrl }),
    ...(settings.tasksUrl === undefined ? {} : { tasksUrl: settings.tasksUrl }),
  });
  if (settings.withOutpost) await provisionOutpost(aws);
  const commits = createGroupCommit(database);
  const advance = (milliseconds: number): void => {
    ahead += milliseconds;
    for (const service of aws.services) service.timeChanged?.();
  };
  const server = listen(settings, {
    ...aws,
    commits,
    port: settings.port,
    credentials: settings.credentials ?? loadCredentials(folder),
    now,
    ...(settings.faults ? { admin: { faults: createFaults(), calls: createCalls(), advance } } : {}),
  });
  endpoint = server.endpoint;
  // Before the lines below: whoever reads them may signal at once.
  const ended = Promise.race([
    signalled('SIGTERM', 'SIGINT'),
    ...(settings.untilStdinCloses ? [Bun.stdin.text()] : []),
  ]);
  console.log(`local AWS on ${endpoint}`);
  console.log(JSON.stringify({ endpoint, pid: process.pid }));
  await ended;
  aws.stop();
  await server.stop();
  commits.flush();
  database.close();
  unlock();
}

function listen(settings: Settings, options: Parameters<typeof startServer>[0]): Server {
  try {
    return startServer(options);
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'EADDRINUSE') {
      throw new Error(`Port ${settings.port} is taken: set AWS_PORT to a free one, or to 0 for any.`, {
        cause,
      });
    }
    throw cause;
  }
}

function signalled(...signals: readonly NodeJS.Signals[]): Promise<void> {
  return new Promise((done) => {
    for (const signal of signals) process.once(signal, () => done());
  });
}

try {
  await main();
  process.exit(0);
} catch (cause) {
  console.error(cause instanceof Error ? `local AWS: ${cause.message}` : cause);
  process.exit(1);
}
