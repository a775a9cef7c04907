import { AwsError } from '../errors.ts';

/** A 400 ValidationException with DynamoDB's wording. */
export const validationError = (message: string): AwsError => new AwsError('ValidationException', message);

/** A 400 SerializationException: the JSON does not have the shape of the operation's input. */
export const serializationError = (message: string): AwsError =>
  new AwsError('SerializationException', message);

/** The message AWS's model validation gives for one member that breaks one constraint. */
export const constraintError = (value: string, member: string, constraint: string): AwsError =>
  validationError(
    `1 validation error detected: Value ${value} at '${member}' failed to satisfy constraint: ${constraint}`,
  );

/** A parameter error whose prefix DynamoDB puts before everything about attribute values. */
export const invalidParameter = (detail: string): AwsError =>
  validationError(`One or more parameter values were invalid: ${detail}`);
