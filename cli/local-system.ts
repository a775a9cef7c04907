import { loadCredentials } from './start/credentials.ts';

/**
 * Points this process at the system that `bun start` runs on this machine, unless OUTPOST_ENV names a
 * deployment. Throws Error that says what to do when there is neither.
 */
export function useLocalSystem(): void {
  if (process.env['OUTPOST_ENV']) return;
  const dataDir = process.env['OUTPOST_DATA_DIR'] ?? '.outpost';
  const local = loadCredentials(dataDir);
  if (local === undefined) {
    throw new Error(
      `Set OUTPOST_ENV and AWS_REGION for a deployment, or run \`bun start\` first: ${dataDir} has no credentials.json.`,
    );
  }
  Object.assign(process.env, {
    OUTPOST_ENV: 'local',
    OUTPOST_QUEUE_BASE_URL: `${local.aws.endpoint}/000000000000`,
    AWS_REGION: 'us-east-1',
    AWS_ENDPOINT_URL: local.aws.endpoint,
    AWS_ACCESS_KEY_ID: local.aws.access_key_id,
    AWS_SECRET_ACCESS_KEY: local.aws.secret_access_key,
  });
}
