import { type Context, emitThin } from './context.ts';
import { invalid, missing, StripeError } from './errors.ts';
import { type Form, labelsOf, textOf } from './form.ts';
import { usageOf } from './invoices.ts';
import type { Meter, MeterEvent } from './objects.ts';

const MINUTE = 60;
const DAY = 86_400;
const OLDEST = 35 * DAY;
const FUTURE = 5 * MINUTE;

/** Customers and meters for which a call is under way: Stripe takes one at a time. */
export type Lanes = Set<string>;

/** POST /v1/billing/meter_events */
export async function createMeterEvent(context: Context, lanes: Lanes, form: Form): Promise<MeterEvent> {
  const payload = labelsOf(form, 'payload');
  const lane = `${textOf(form, 'event_name')}|${payload['stripe_customer_id']}`;
  if (lanes.has(lane)) {
    throw new StripeError(429, 'Another call for this customer and meter is under way.', {
      code: 'lock_timeout',
    });
  }
  lanes.add(lane);
  try {
    // Gives a second call the chance to meet this one.
    await Promise.resolve();
    return recordMeterEvent(context, form, payload);
  } finally {
    lanes.delete(lane);
  }
}

function recordMeterEvent(context: Context, form: Form, payload: Record<string, string>): MeterEvent {
  const { state } = context;
  const now = context.now();
  const identifier = textOf(form, 'identifier') ?? state.id('me');
  const timestamp = Number(textOf(form, 'timestamp') ?? now);
  if (timestamp > now + FUTURE) {
    throw new StripeError(400, 'The timestamp lies in the future.', { code: 'timestamp_in_future' });
  }
  if (timestamp < now - OLDEST) {
    throw new StripeError(400, 'The timestamp is too old.', { code: 'timestamp_too_far_in_past' });
  }
  const known = state.meterEvents.get(identifier);
  if (known !== undefined && now - known.created < DAY) {
    throw new StripeError(400, `An event already exists with identifier ${identifier}.`, {
      code: 'duplicate_meter_event',
    });
  }
  const event: MeterEvent = {
    // After 24 hours the same identifier counts again, as it does at Stripe.
    id: known === undefined ? identifier : state.id('again'),
    object: 'billing.meter_event',
    identifier,
    event_name: textOf(form, 'event_name') ?? '',
    payload,
    timestamp,
    created: now,
    livemode: false,
  };
  const meter = state.meters.all().find((each) => each.event_name === event.event_name);
  if (meter === undefined) return event;
  // Stripe accepts events of customers that it does not know, counts them nowhere, and says so afterwards.
  if (state.customers.get(payload['stripe_customer_id'] ?? '') === undefined)
    reportError(context, meter, event);
  else state.meterEvents.put(event);
  return event;
}

function reportError(context: Context, meter: Meter, event: MeterEvent): void {
  const sample = { error_message: 'The customer does not exist.', request: { identifier: event.identifier } };
  const code = 'meter_event_customer_not_found';
  const at = new Date(event.created * 1000).toISOString();
  emitThin(context, 'v1.billing.meter.error_report_triggered', meter.id, {
    developer_message_summary: 'There is 1 invalid event.',
    reason: { error_count: 1, error_types: [{ code, error_count: 1, sample_errors: [sample] }] },
    validation_start: at,
    validation_end: at,
  });
}

/** GET /v1/billing/meters/:id/event_summaries */
export function summaries(context: Context, meterId: string, form: Form): object[] {
  const meter = context.state.meters.get(meterId);
  if (meter === undefined) throw missing('billing meter', meterId);
  const start = Number(textOf(form, 'start_time'));
  const end = Number(textOf(form, 'end_time'));
  if (start % MINUTE !== 0 || end % MINUTE !== 0)
    throw invalid('Times must be aligned with minutes.', 'start_time');
  if (end <= start) throw invalid('end_time must lie after start_time.', 'end_time');
  const counted = context.now() - context.countedAfter;
  const value = usageOf(context, meter, textOf(form, 'customer') ?? '', start, end, counted);
  if (value === 0) return [];
  return [
    {
      id: context.state.id('mtrusg'),
      object: 'billing.meter_event_summary',
      livemode: false,
      meter: meterId,
      start_time: start,
      end_time: end,
      aggregated_value: value,
    },
  ];
}
