import { AwsError } from '../errors.ts';

/** Codes and texts follow the AWS Secrets Manager API reference. */
export const secretNotFound = (): AwsError =>
  new AwsError('ResourceNotFoundException', "Secrets Manager can't find the specified secret.");

export const valueNotFound = (what: string): AwsError =>
  new AwsError(
    'ResourceNotFoundException',
    `Secrets Manager can't find the specified secret value for ${what}`,
  );

export const markedForDeletion = (): AwsError =>
  new AwsError(
    'InvalidRequestException',
    "You can't perform this operation on the secret because it was marked for deletion.",
  );

export const alreadyExists = (message: string): AwsError => new AwsError('ResourceExistsException', message);
export const invalidRequest = (message: string): AwsError => new AwsError('InvalidRequestException', message);
export const invalidParameter = (message: string): AwsError =>
  new AwsError('InvalidParameterException', message);

export const SECRETS_CODES = {
  missing: 'InvalidParameterException',
  invalid: 'InvalidParameterException',
} as const;
