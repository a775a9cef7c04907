import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { afterAll, describe, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../../harness/timeout.ts';
import { startMoto } from '../../harness/moto.ts';
import { testContract } from '../contract.ts';
import { SECRETS_CONTRACT } from './contract.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

const moto = await startMoto();
if (moto === undefined) {
  test.skip('Secrets Manager on moto: it does not run here', () => undefined);
} else {
  const client = new SecretsManagerClient({
    region: 'us-east-1',
    endpoint: moto.endpoint,
    credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
    maxAttempts: 1,
  });
  afterAll(async () => {
    client.destroy();
    await moto.stop();
  });
  describe('Secrets Manager on moto', () => testContract('secrets', 'moto', SECRETS_CONTRACT, () => client));
}
