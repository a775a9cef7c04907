import { type, type Type } from 'arktype';
import { AwsError } from './errors.ts';

/** The codes with which a service answers a missing and a wrong parameter. */
export type InputCodes = { readonly missing: string; readonly invalid: string };

/**
 * Parses an operation's input. Schemas reject undeclared keys, so that a parameter that local AWS does not
 * implement is refused by name and never ignored. Throws AwsError.
 */
export function parseInput<T extends object>(
  schema: Type<T>,
  input: Record<string, unknown>,
  codes: InputCodes,
): T {
  const parsed: unknown = schema(input);
  if (!(parsed instanceof type.errors)) return parsed as T;
  const error = parsed[0];
  const parameter = error?.path.join('.') ?? '';
  if (error?.expected === 'removed') {
    throw new AwsError(codes.invalid, `Local AWS does not implement the parameter ${parameter}.`);
  }
  if (error?.code === 'required') {
    throw new AwsError(codes.missing, `The request must contain the parameter ${parameter}.`);
  }
  throw new AwsError(
    codes.invalid,
    `Value for parameter ${parameter} is invalid. Reason: ${parsed.summary}.`,
  );
}
