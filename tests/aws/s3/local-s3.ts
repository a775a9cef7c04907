import { S3Client } from '@aws-sdk/client-s3';
import { openDatabase } from '../../../local/aws/database.ts';
import { createS3 } from '../../../local/aws/s3/s3.ts';
import { startServer } from '../../../local/aws/server.ts';

const credentials = { accessKeyId: 'AKIALOCALTESTKEY0000', secretAccessKey: 'local-test-secret' };

/** The S3 of local AWS behind its real server, in this process; in memory when no folder is given. */
export function serveLocalS3(folder?: string) {
  const database = openDatabase(folder);
  const rest = createS3(database, Date.now);
  const server = startServer({ port: 0, credentials, services: [], rest, now: Date.now });
  const client = new S3Client({
    region: 'us-east-1',
    endpoint: server.endpoint,
    credentials,
    forcePathStyle: true,
    maxAttempts: 1,
  });
  return {
    client,
    database,
    async stop(): Promise<void> {
      client.destroy();
      await server.stop();
      database.close();
    },
  };
}
