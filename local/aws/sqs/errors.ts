import { AwsError } from '../errors.ts';

/** Codes are those of the AWS SQS model (JSON protocol). */
export const queueDoesNotExist = (): AwsError =>
  new AwsError('QueueDoesNotExist', 'The specified queue does not exist.');

export const invalidParameter = (name: string, value: unknown, reason: string): AwsError =>
  new AwsError(
    'InvalidParameterValue',
    `Value ${String(value)} for parameter ${name} is invalid. Reason: ${reason}`,
  );

export const invalidReceipt = (handle: string): AwsError =>
  new AwsError(
    'ReceiptHandleIsInvalid',
    `The input receipt handle "${handle}" is not a valid receipt handle.`,
  );

export const notInflight = (): AwsError =>
  new AwsError('MessageNotInflight', "The specified message isn't in flight.");

/** Refuses, by name, what SQS offers and local AWS does not. */
export const notImplemented = (what: string): AwsError =>
  new AwsError('UnsupportedOperation', `Local AWS does not implement ${what}.`);

export const SQS_CODES = { missing: 'MissingParameter', invalid: 'InvalidParameterValue' } as const;
