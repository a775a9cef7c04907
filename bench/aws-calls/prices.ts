import type { Call } from './recorder.ts';

/**
 * AWS's list prices in us-east-1, in dollars, as published on the pages named (read in November 2026 where they are
 * in facts and ADRs of this repository; a change of price changes dollars here, never counts).
 */
export const PRICES = {
  source:
    'us-east-1 list prices: aws.amazon.com/dynamodb/pricing/on-demand, /sqs/pricing, /s3/pricing, /secrets-manager/pricing, /lambda/pricing, /api-gateway/pricing, /cloudwatch/pricing, /fargate/pricing, /vpc/pricing, /kms/pricing',
  dynamoWriteUnit: 0.625e-6,
  dynamoReadUnit: 0.125e-6,
  /** A request of up to 64 KiB. */
  sqsRequest: 0.4e-6,
  s3Write: 5e-6,
  s3Read: 0.4e-6,
  secretsCall: 5e-6,
  lambdaRequest: 0.2e-6,
  /** arm64. */
  lambdaGibSecond: 13.3334e-6,
  gatewayRequest: 1e-6,
} as const;

const SQS_CHUNK_BYTES = 64 * 1024;
const S3_WRITES = /^(?:Put|Create|Complete|Upload|List|Copy)/;
/** S3 does not charge for these. */
const S3_FREE = /^(?:Delete|Abort)/;

/** What AWS charges for one call. */
export function dollarsOf(call: Call): number {
  switch (call.service) {
    case 'dynamodb':
      return call.readUnits * PRICES.dynamoReadUnit + call.writeUnits * PRICES.dynamoWriteUnit;
    case 'sqs':
      return Math.max(1, Math.ceil(call.requestBytes / SQS_CHUNK_BYTES)) * PRICES.sqsRequest;
    case 'secretsmanager':
      return PRICES.secretsCall;
    case 's3':
      if (S3_FREE.test(call.operation)) return 0;
      return S3_WRITES.test(call.operation) ? PRICES.s3Write : PRICES.s3Read;
  }
}

export type Bill = {
  readonly calls: number;
  readonly readUnits: number;
  readonly writeUnits: number;
  readonly dollars: number;
};

/** The sum over calls, times `factor`. */
export function billOf(calls: readonly Call[], factor = 1): Bill {
  const sum = (value: (call: Call) => number): number =>
    calls.reduce((total, call) => total + value(call), 0) * factor;
  return {
    calls: sum(() => 1),
    readUnits: sum(({ readUnits }) => readUnits),
    writeUnits: sum(({ writeUnits }) => writeUnits),
    dollars: sum(dollarsOf),
  };
}
