import { type SQSClient } from '@aws-sdk/client-sqs';
import type { Check } from '../contract.ts';
import { MESSAGE_CHECKS } from './message-checks.ts';
import { QUEUE_CHECKS } from './queue-checks.ts';
import { RECEIVE_CHECKS } from './receive-checks.ts';
import { REDRIVE_CHECKS } from './redrive-checks.ts';

/** What Outpost relies on in SQS, as a function of a client. */
export const SQS_CONTRACT: readonly Check<SQSClient>[] = [
  ...QUEUE_CHECKS,
  ...MESSAGE_CHECKS,
  ...RECEIVE_CHECKS,
  ...REDRIVE_CHECKS,
];
