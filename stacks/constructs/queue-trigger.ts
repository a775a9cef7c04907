// oxlint-disable eslint/no-new -- a construct registers itself with its scope
import { LambdaEventSourceMapping } from '@cdktf/provider-aws/lib/lambda-event-source-mapping';
import type { LambdaFunction } from '@cdktf/provider-aws/lib/lambda-function';
import type { Construct } from 'constructs';
import type { QueueId } from '../../shared/queues.ts';
import type { Names } from '../names.ts';

/** Lambda's pollers start at five and take at least two; more than this is never needed to drain a queue. */
const MAXIMUM_CONCURRENCY = 10;

/** Feeds a queue to a function, which answers with the messages that it failed to handle. */
export function queueTrigger(
  scope: Construct,
  id: string,
  target: LambdaFunction,
  names: Names,
  trigger: { readonly queue: QueueId; readonly batch: number },
): void {
  new LambdaEventSourceMapping(scope, `${id}-source`, {
    functionName: target.functionName,
    eventSourceArn: names.queueArn(trigger.queue),
    batchSize: trigger.batch,
    functionResponseTypes: ['ReportBatchItemFailures'],
    scalingConfig: { maximumConcurrency: MAXIMUM_CONCURRENCY },
  });
}
