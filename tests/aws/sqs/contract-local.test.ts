import { SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, describe, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../../harness/timeout.ts';
import { startLocalAws } from '../../harness/local-aws.ts';
import { testContract } from '../contract.ts';
import { SQS_CONTRACT } from './contract.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

const aws = await startLocalAws();
const client = new SQSClient({ ...aws.clientConfig, maxAttempts: 1 });
afterAll(async () => {
  client.destroy();
  await aws.stop();
});

describe('SQS on local AWS', () => testContract('sqs', 'local', SQS_CONTRACT, () => client));
