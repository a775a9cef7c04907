import { DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { openDatabase } from '../../../local/aws/database.ts';
import { createDynamoDb, type DynamoDb } from '../../../local/aws/dynamodb/dynamodb.ts';
import { startServer } from '../../../local/aws/server.ts';
import { startLocalAws } from '../../harness/local-aws.ts';

export type BackendName = 'local' | 'dynoxide';

/** A DynamoDB to run a suite against. */
export type Backend = {
  readonly name: BackendName;
  readonly client: DynamoDBClient;
  stop(): Promise<void>;
};

const CREDENTIALS = { accessKeyId: 'AKIALOCALTEST', secretAccessKey: 'local-test-secret' };
const DYNOXIDE = join(import.meta.dir, '../../../node_modules/@dynoxide/linux-x64/dynoxide');
const START_MS = 60_000;

function clientOf(endpoint: string): DynamoDBClient {
  return new DynamoDBClient({ region: 'us-east-1', endpoint, credentials: CREDENTIALS, maxAttempts: 1 });
}

/** Our DynamoDB behind the real server, in this process; a time of the caller's choosing. */
export async function startLocal(
  folder?: string,
  now: () => number = Date.now,
): Promise<Backend & { service: DynamoDb }> {
  const database = openDatabase(folder);
  const service = createDynamoDb(database, now);
  // Signatures are checked against the real time.
  const server = startServer({ port: 0, credentials: CREDENTIALS, services: [service], now: Date.now });
  const client = clientOf(server.endpoint);
  return {
    name: 'local',
    client,
    service,
    async stop() {
      client.destroy();
      await server.stop();
      database.close();
    },
  };
}

/** Local AWS as it ships: a process of its own. */
export async function startLocalProcess(): Promise<Backend> {
  const aws = await startLocalAws();
  const client = new DynamoDBClient({ ...aws.clientConfig, maxAttempts: 1 });
  return {
    name: 'local',
    client,
    async stop() {
      client.destroy();
      await aws.stop();
    },
  };
}

/** The Rust emulator, in memory, or undefined where its binary is not installed (the reason is printed). */
export async function startDynoxide(): Promise<Backend | undefined> {
  if (!existsSync(DYNOXIDE)) {
    console.warn('skipped: the referee @dynoxide/linux-x64 is not installed on this platform');
    return undefined;
  }
  const port = await freePort();
  const child = Bun.spawn([DYNOXIDE, '--host', '127.0.0.1', '--port', String(port)], {
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'ignore',
  });
  const client = clientOf(`http://127.0.0.1:${port}`);
  await answers(client);
  return {
    name: 'dynoxide',
    client,
    async stop() {
      client.destroy();
      child.kill();
      await child.exited;
    },
  };
}

async function answers(client: DynamoDBClient): Promise<void> {
  const deadline = Date.now() + START_MS;
  for (;;) {
    try {
      await client.send(new ListTablesCommand({}));
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await Bun.sleep(20);
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  await new Promise((resolve) => {
    server.close(resolve);
  });
  if (address === null || typeof address === 'string') throw new Error('no port was assigned');
  return address.port;
}
