import { type } from 'arktype';
import { OutpostError } from '../../shared/errors.ts';
import type { Billing } from './stripe.ts';

const TOLERANCE_SECONDS = 300;

const named = { id: /^evt_\w{1,128}$/, type: 'string' } as const;

/** As much of an event as is believed: what happened, and to what. Those of API v2 say less: they are thin. */
const StripeEvent = type('string.json.parse').to(
  type({ ...named, data: { object: { 'id?': 'string', 'customer?': 'unknown' } } }).or({
    ...named,
    object: "'v2.core.event'",
  }),
);
export type StripeEvent = typeof StripeEvent.infer;

/**
 * The event in a webhook's raw body. Any of the configured secrets may have signed it. The SDK refuses old
 * timestamps and accepts future ones, so those are refused here. Throws invalid_request, in the same words
 * whatever is wrong with the signature.
 */
export async function verifyEvent(
  billing: Billing,
  body: Uint8Array,
  signature: string | null,
  now: number,
): Promise<StripeEvent> {
  const refused = new OutpostError('invalid_request', 'The signature of this event does not hold.');
  const signedAt = Number(/(?:^|,)t=(\d{1,12})(?:,|$)/.exec(signature ?? '')?.[1]);
  if (signature === null || !(signedAt <= now / 1000 + TOLERANCE_SECONDS)) throw refused;
  const text = new TextDecoder().decode(body);
  if (!(await isSigned(billing, text, signature, now))) throw refused;
  const event = StripeEvent(text);
  if (event instanceof type.errors) throw new OutpostError('invalid_request', 'The body is not an event.');
  return event;
}

async function isSigned(billing: Billing, text: string, signature: string, now: number): Promise<boolean> {
  const { signature: signatures } = (await billing.stripe()).webhooks;
  if (signatures === null) throw new Error('the Stripe SDK cannot verify signatures on this runtime');
  for (const secret of billing.config.webhookSecrets) {
    try {
      await signatures.verifyHeaderAsync(text, signature, secret, TOLERANCE_SECONDS, undefined, now);
      return true;
    } catch (error) {
      if (!isSignatureError(error)) throw error;
    }
  }
  return false;
}

const isSignatureError = (error: unknown): boolean =>
  error instanceof Error && 'type' in error && error.type === 'StripeSignatureVerificationError';
