import type { Database } from 'bun:sqlite';
import { createDynamoDb } from './dynamodb/dynamodb.ts';
import { createEcs } from './ecs/ecs.ts';
import { createS3 } from './s3/s3.ts';
import type { JsonService, Now, RestService } from './service.ts';
import { createSecrets } from './secrets/secrets.ts';
import { createSqs } from './sqs/sqs.ts';

export type Aws = {
  readonly services: readonly JsonService[];
  readonly rest: RestService;
  /** Ends background work. The services' own stop() is the server's to call. */
  stop(): void;
};

/** How often expired items are looked for. */
const EXPIRY_MS = 1000;

type Options = {
  /** The server's address, known once it listens: queue URLs begin with it. */
  readonly endpoint: () => string;
  readonly functionsUrl?: string;
  readonly tasksUrl?: string;
};

/** All services over one database. */
export function composeAws(database: Database, now: Now, options: Options): Aws {
  const sqs = createSqs(database, now, { endpoint: options.endpoint });
  const secrets = createSecrets(database, now, options.functionsUrl);
  const dynamodb = createDynamoDb(database, now);
  const expiry = setInterval(() => dynamodb.sweepExpired(), EXPIRY_MS);
  return {
    services: [dynamodb, sqs, secrets, createEcs(options.tasksUrl)],
    rest: createS3(database, now),
    stop: () => clearInterval(expiry),
  };
}
