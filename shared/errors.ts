/**
 * The closed set of errors that an operation may raise. What HTTP makes of each is decided once, in
 * api/http/problem.ts; anything that is not an OutpostError is a 500 that says nothing.
 */
export const ERROR_CODES = [
  'invalid_request',
  'unauthenticated',
  'forbidden',
  'not_found',
  'method_not_allowed',
  'conflict',
  'idempotency_conflict',
  'job_finished',
  'key_limit_reached',
  'output_not_ready',
  'payload_too_large',
  'unsupported_media_type',
  'range_not_satisfiable',
  'quota_exceeded',
  'rate_limited',
  'unavailable',
  'billing_off',
  'internal',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/** What a client may be told besides the code and the sentence. */
export type ErrorFacts = {
  /** The request's fields that are wrong, each with what to do about it. Never the value that was sent. */
  readonly errors?: readonly { readonly field: string; readonly message: string }[];
  readonly retryAfterSeconds?: number;
  readonly resetsAt?: string;
  /** Where a larger plan can be had: a path of this API. */
  readonly upgradeUrl?: string;
  /** Methods that the path answers (RFC 9110, Allow). */
  readonly allow?: readonly string[];
  readonly rate?: { readonly limit: number; readonly remaining: number; readonly resetSeconds: number };
};

/** `detail` is shown to the client: it never holds a secret, an id of another tenant or an internal name. */
export class OutpostError extends Error {
  override readonly name = 'OutpostError';
  // Not `code`: Elysia takes an error's own `code` for one of its registered errors.
  readonly errorCode: ErrorCode;
  readonly facts: ErrorFacts;

  constructor(errorCode: ErrorCode, detail: string, facts: ErrorFacts = {}) {
    super(detail);
    this.errorCode = errorCode;
    this.facts = facts;
  }
}

/** The same answer for what does not exist and for what belongs to somebody else. */
export const notFound = (what: string): OutpostError => new OutpostError('not_found', `No such ${what}.`);

export const invalidField = (field: string, message: string): OutpostError =>
  new OutpostError('invalid_request', `${field} ${message}`, { errors: [{ field, message }] });

/** An error's message and stack for the log; anything thrown that is no Error is named, not printed. */
export const describeError = (error: unknown): { error: string; stack?: string } =>
  error instanceof Error
    ? {
        error: `${error.name}: ${error.message}`,
        ...(error.stack === undefined ? {} : { stack: error.stack }),
      }
    : { error: `thrown: ${typeof error}` };
