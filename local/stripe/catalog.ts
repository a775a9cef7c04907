import type { Context } from './context.ts';
import { invalid } from './errors.ts';
import { formOf, type Form, isTrue, labelsOf, textOf, textsOf } from './form.ts';
import type { Customer, EventDestination, Meter, Price, Product, WebhookEndpoint } from './objects.ts';

/** What an account holds before anything is sold: customers, products, prices, meters, webhook endpoints. */

export function createCustomer({ state, now }: Context, form: Form): Customer {
  return state.customers.put({
    id: state.id('cus'),
    object: 'customer',
    livemode: false,
    created: now(),
    email: textOf(form, 'email') ?? null,
    name: textOf(form, 'name') ?? null,
    metadata: labelsOf(form, 'metadata'),
  });
}

export function createProduct({ state }: Context, form: Form): Product {
  return state.products.put({
    id: textOf(form, 'id') ?? state.id('prod'),
    object: 'product',
    livemode: false,
    active: true,
    name: textOf(form, 'name') ?? '',
    metadata: labelsOf(form, 'metadata'),
  });
}

export function createPrice({ state }: Context, form: Form): Price {
  const recurring = formOf(form, 'recurring');
  const lookupKey = textOf(form, 'lookup_key') ?? null;
  const holder =
    lookupKey === null ? undefined : state.prices.all().find((each) => each.lookup_key === lookupKey);
  if (holder !== undefined) {
    if (!isTrue(form, 'transfer_lookup_key'))
      throw invalid('A price already has this lookup key.', 'lookup_key');
    state.prices.put({ ...holder, lookup_key: null });
  }
  const amount = textOf(form, 'unit_amount') ?? textOf(form, 'unit_amount_decimal') ?? null;
  return state.prices.put({
    id: state.id('price'),
    object: 'price',
    livemode: false,
    active: true,
    currency: textOf(form, 'currency') ?? 'usd',
    unit_amount: amount !== null && /^\d+$/.test(amount) ? Number(amount) : null,
    unit_amount_decimal: amount,
    lookup_key: lookupKey,
    type: 'recurring',
    product: textOf(form, 'product') ?? '',
    metadata: labelsOf(form, 'metadata'),
    recurring: {
      interval: 'month',
      interval_count: 1,
      usage_type: textOf(recurring, 'usage_type') === 'metered' ? 'metered' : 'licensed',
      meter: textOf(recurring, 'meter') ?? null,
    },
  });
}

/** GET /v1/prices, with the filters that a setup needs. */
export function listPrices({ state }: Context, form: Form): Price[] {
  const keys = textsOf(form, 'lookup_keys');
  return state.prices
    .all()
    .filter((price) => keys.length === 0 || (price.lookup_key !== null && keys.includes(price.lookup_key)))
    .filter((price) => !('product' in form) || price.product === textOf(form, 'product'))
    .filter((price) => !('active' in form) || price.active === isTrue(form, 'active'));
}

export function createMeter({ state }: Context, form: Form): Meter {
  return state.meters.put({
    id: state.id('mtr'),
    object: 'billing.meter',
    livemode: false,
    display_name: textOf(form, 'display_name') ?? '',
    event_name: textOf(form, 'event_name') ?? '',
    status: 'active',
    default_aggregation: { formula: 'sum' },
    customer_mapping: { type: 'by_id', event_payload_key: 'stripe_customer_id' },
    value_settings: { event_payload_key: 'value' },
  });
}

/** The secret is shown once, with the creation. */
export function createEndpoint({ state }: Context, form: Form): WebhookEndpoint {
  const endpoint: WebhookEndpoint = {
    id: state.id('we'),
    object: 'webhook_endpoint',
    livemode: false,
    url: textOf(form, 'url') ?? '',
    enabled_events: textsOf(form, 'enabled_events'),
    status: 'enabled',
    metadata: labelsOf(form, 'metadata'),
    secret: newSecret(),
  };
  return state.endpoints.put(endpoint);
}

/** POST /v1/webhook_endpoints/:id */
export function updateEndpoint({ state }: Context, endpoint: WebhookEndpoint, form: Form): WebhookEndpoint {
  return state.endpoints.put({
    ...endpoint,
    ...('enabled_events' in form ? { enabled_events: textsOf(form, 'enabled_events') } : {}),
    ...('disabled' in form ? { status: isTrue(form, 'disabled') ? 'disabled' : 'enabled' } : {}),
  });
}

/** POST /v2/core/event_destinations. The secret is shown once, and only to who asks for it. */
export function createDestination({ state, now }: Context, form: Form): object {
  const destination = state.destinations.put({
    id: state.id('ed'),
    object: 'v2.core.event_destination',
    created: new Date(now() * 1000).toISOString(),
    name: textOf(form, 'name') ?? '',
    enabled_events: textsOf(form, 'enabled_events'),
    event_payload: textOf(form, 'event_payload') ?? '',
    type: textOf(form, 'type') ?? '',
    status: 'enabled',
    metadata: labelsOf(form, 'metadata'),
    webhook_endpoint: { url: textOf(formOf(form, 'webhook_endpoint'), 'url') ?? '' },
  });
  return asked(destination, form, newSecret());
}

/** GET /v2/core/event_destinations */
export const listDestinations = ({ state }: Context, form: Form): object => ({
  data: state.destinations.all().map((each) => asked(each, form)),
  next_page_url: null,
  previous_page_url: null,
});

/** API v2 leaves out what was not asked for by name. */
function asked(
  { webhook_endpoint: { url }, ...rest }: EventDestination,
  form: Form,
  secret?: string,
): object {
  const include = textsOf(form, 'include');
  return {
    ...rest,
    webhook_endpoint: {
      ...(include.includes('webhook_endpoint.url') ? { url } : {}),
      ...(secret !== undefined && include.includes('webhook_endpoint.signing_secret')
        ? { signing_secret: secret }
        : {}),
    },
  };
}

const newSecret = (): string => `whsec_${crypto.randomUUID().replaceAll('-', '')}`;
