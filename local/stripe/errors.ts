/** A refusal in Stripe's own form. https://docs.stripe.com/api/errors */
export class StripeError extends Error {
  override readonly name = 'StripeError';
  readonly status: number;
  readonly facts: { readonly code?: string; readonly param?: string; readonly type?: string };

  constructor(status: number, message: string, facts: { code?: string; param?: string; type?: string } = {}) {
    super(message);
    this.status = status;
    this.facts = facts;
  }
}

export const missing = (what: string, id: string): StripeError =>
  new StripeError(404, `No such ${what}: '${id}'`, { code: 'resource_missing' });

export const invalid = (message: string, param?: string): StripeError =>
  new StripeError(400, message, param === undefined ? {} : { param });

export function errorResponse(error: StripeError, requestId: string): Response {
  const type = error.status === 429 ? 'rate_limit_error' : 'invalid_request_error';
  return Response.json(
    { error: { type, message: error.message, ...error.facts } },
    { status: error.status, headers: { 'request-id': requestId } },
  );
}
