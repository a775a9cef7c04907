import type { RateState } from '../rate-limiter.ts';
import { type ErrorCode, OutpostError } from '../../shared/errors.ts';
import type { Problem } from './problem-model.ts';

type ProblemBody = typeof Problem.infer;

/** What HTTP makes of each error. The only place that knows. */
export const STATUS_OF: Readonly<Record<ErrorCode, number>> = {
  invalid_request: 400,
  unauthenticated: 401,
  quota_exceeded: 402,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  conflict: 409,
  idempotency_conflict: 409,
  job_finished: 409,
  key_limit_reached: 409,
  output_not_ready: 409,
  payload_too_large: 413,
  unsupported_media_type: 415,
  range_not_satisfiable: 416,
  rate_limited: 429,
  internal: 500,
  unavailable: 503,
  billing_off: 503,
};

export const TITLES: Readonly<Record<ErrorCode, string>> = {
  invalid_request: 'The request is not valid',
  unauthenticated: 'No valid API key',
  quota_exceeded: 'The quota of this period is used up',
  forbidden: 'This key may not do that',
  not_found: 'Not found',
  method_not_allowed: 'Method not allowed',
  conflict: 'The resource changed meanwhile',
  idempotency_conflict: 'The Idempotency-Key was used for another request',
  job_finished: 'The job has already ended',
  key_limit_reached: 'Too many API keys',
  output_not_ready: 'No output yet',
  payload_too_large: 'The request body is too large',
  unsupported_media_type: 'The request body is not JSON',
  range_not_satisfiable: 'The range lies outside the output',
  rate_limited: 'Too many requests',
  internal: 'Internal error',
  unavailable: 'Temporarily unavailable',
  billing_off: 'Billing is off here',
};

/** An error as RFC 9457 problem+json. Nothing of an unexpected error is told but that it happened. */
export function problemResponse(error: OutpostError, requestId: string): Response {
  const { errorCode, facts } = error;
  const headers = new Headers({ 'content-type': 'application/problem+json' });
  if (errorCode === 'unauthenticated') headers.set('www-authenticate', 'Bearer realm="outpost"');
  if (facts.retryAfterSeconds !== undefined) headers.set('retry-after', String(facts.retryAfterSeconds));
  if (facts.allow !== undefined) headers.set('allow', facts.allow.join(', '));
  if (facts.rate !== undefined) setRateHeaders(headers, facts.rate);
  const body = problemBody(error, requestId);
  return new Response(JSON.stringify(body), { status: STATUS_OF[errorCode], headers });
}

/** The document of a problem: everything but its headers. */
export function problemBody({ errorCode, message, facts }: OutpostError, requestId: string): ProblemBody {
  return {
    type: `urn:outpost:problem:${errorCode}`,
    title: TITLES[errorCode],
    status: STATUS_OF[errorCode],
    detail: message,
    code: errorCode,
    request_id: requestId,
    ...(facts.errors === undefined ? {} : { errors: [...facts.errors] }),
    ...(facts.resetsAt === undefined ? {} : { resets_at: facts.resetsAt }),
    ...(facts.upgradeUrl === undefined ? {} : { upgrade_url: facts.upgradeUrl }),
  };
}

/** IETF draft-ietf-httpapi-ratelimit-headers: what is left of the minute, and the policy. */
export function setRateHeaders(headers: Headers, rate: RateState): void {
  headers.set('ratelimit', `"key";r=${rate.remaining};t=${rate.resetSeconds}`);
  headers.set('ratelimit-policy', `"key";q=${rate.limit};w=60`);
}

/** Names of errors that say AWS could not be reached or did not answer in time: the client may try again. */
const TRANSIENT = new Set([
  'TimeoutError',
  'ThrottlingException',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  // With a condition that failed it would be a ConditionFailed: this is conflict or throttling, retried in vain.
  'TransactionCanceledException',
  'TransactionInProgressException',
  'ServiceUnavailable',
  'InternalServerError',
  'InternalServiceError',
  'InternalError',
  'SlowDown',
  'ECONNREFUSED',
  'ECONNRESET',
]);

/** Any thrown thing as an OutpostError. What is not ours becomes `unavailable` or `internal`. */
export function asOutpostError(error: unknown): OutpostError {
  if (error instanceof OutpostError) return error;
  if (isTransient(error)) {
    return new OutpostError('unavailable', 'A service that this needs did not answer. Try again.', {
      retryAfterSeconds: 1,
    });
  }
  return new OutpostError('internal', 'Something went wrong here. Quote the request id when you report it.');
}

function isTransient(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return TRANSIENT.has(error.name) || TRANSIENT.has(code) || isRetryable(error);
}

/** Every error of the AWS SDK has the field; only one that may be tried again has a value in it. */
function isRetryable(error: Error): boolean {
  return '$retryable' in error && error.$retryable !== undefined;
}
