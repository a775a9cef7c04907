import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { afterAll, describe, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../../harness/timeout.ts';
import { startLocalAws } from '../../harness/local-aws.ts';
import { testContract } from '../contract.ts';
import { SECRETS_CONTRACT } from './contract.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

const aws = await startLocalAws();
const client = new SecretsManagerClient({ ...aws.clientConfig, maxAttempts: 1 });
afterAll(async () => {
  client.destroy();
  await aws.stop();
});

describe('Secrets Manager on local AWS', () =>
  testContract('secrets', 'local', SECRETS_CONTRACT, () => client));
