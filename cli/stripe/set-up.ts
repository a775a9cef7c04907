import StripeClient, { type Stripe } from 'stripe';
import { EVENTS, METER_ERRORS } from '../../api/billing/receive-event.ts';
import type { PaidPlan } from '../../api/billing/config.ts';

/** What a deployment sells. Amounts in the currency's smallest unit; a job's may be a fraction of it. */
export type Offer = {
  readonly currency: string;
  readonly month: Readonly<Record<PaidPlan, string>>;
  readonly job: string;
  readonly meterEvent: string;
  /** Where Stripe sends its events: `<api>/webhooks/stripe`. */
  readonly webhookUrl: string;
};

export type StripeSetup = {
  /** Price ids, the one that is sold first. */
  readonly pro: readonly string[];
  readonly enterprise: readonly string[];
  readonly job: readonly string[];
  readonly meterId: string;
  /** Of the two endpoints, the usual events' first; shown by Stripe once: none of those that were there already. */
  readonly webhookSecrets: readonly string[];
  readonly created: readonly string[];
};

/**
 * Creates what billing needs in a Stripe account where it is missing: products, prices, the meter, the webhook
 * endpoint and the destination of the meter's errors. Running it again changes nothing; a changed amount makes a new price, and the old one stays
 * for those who have it.
 */
export async function setUpStripe(stripe: Stripe, offer: Offer): Promise<StripeSetup> {
  const created: string[] = [];
  const meterId = await ensureMeter(stripe, offer, created);
  const price = (name: string, amount: string, meter?: string): Promise<string[]> =>
    ensurePrice(
      stripe,
      { name, amount, currency: offer.currency, ...(meter === undefined ? {} : { meter }) },
      created,
    );
  const pro = await price('pro', offer.month.pro);
  const enterprise = await price('enterprise', offer.month.enterprise);
  const job = await price('job', offer.job, meterId);
  const secrets = [
    await ensureEndpoint(stripe, offer, created),
    await ensureMeterErrors(stripe, offer, created),
  ];
  const webhookSecrets = secrets.filter((secret) => secret !== undefined);
  return { pro, enterprise, job, meterId, webhookSecrets, created };
}

async function ensureMeter(stripe: Stripe, offer: Offer, created: string[]): Promise<string> {
  for await (const meter of stripe.billing.meters.list({ status: 'active', limit: 100 })) {
    if (meter.event_name === offer.meterEvent) return meter.id;
  }
  const meter = await stripe.billing.meters.create({
    display_name: 'Outpost jobs',
    event_name: offer.meterEvent,
    default_aggregation: { formula: 'sum' },
    customer_mapping: { type: 'by_id', event_payload_key: 'stripe_customer_id' },
    value_settings: { event_payload_key: 'value' },
  });
  created.push(`meter ${meter.id}`);
  return meter.id;
}

type PriceSpec = {
  readonly name: string;
  readonly amount: string;
  readonly currency: string;
  readonly meter?: string;
};

async function ensurePrice(stripe: Stripe, spec: PriceSpec, created: string[]): Promise<string[]> {
  const product = await ensureProduct(stripe, spec.name, created);
  const known: Stripe.Price[] = [];
  for await (const price of stripe.prices.list({ product, limit: 100 })) known.push(price);
  const lookupKey = `outpost_${spec.name}`;
  const sold = known.find((price) => price.lookup_key === lookupKey);
  const others = known.filter((price) => price !== sold).map(({ id }) => id);
  if (sold !== undefined && isAsked(sold, spec)) {
    return [sold.id, ...others];
  }
  const price = await stripe.prices.create({
    product,
    currency: spec.currency,
    unit_amount_decimal: StripeClient.Decimal.from(spec.amount),
    lookup_key: lookupKey,
    transfer_lookup_key: true,
    recurring: {
      interval: 'month',
      ...(spec.meter === undefined ? {} : { usage_type: 'metered', meter: spec.meter }),
    },
  });
  created.push(`price ${price.id} of ${spec.name}`);
  return [price.id, ...(sold === undefined ? [] : [sold.id]), ...others];
}

/** A price of another meter would bill what nobody reports. */
const isAsked = (price: Stripe.Price, spec: PriceSpec): boolean =>
  price.currency === spec.currency &&
  amountOf(price) === Number(spec.amount) &&
  (price.recurring?.meter ?? undefined) === spec.meter;

const amountOf = (price: Stripe.Price): number =>
  Number(price.unit_amount_decimal?.toString() ?? price.unit_amount ?? Number.NaN);

async function ensureProduct(stripe: Stripe, name: string, created: string[]): Promise<string> {
  for await (const product of stripe.products.list({ active: true, limit: 100 })) {
    if (product.metadata[PART] === name) return product.id;
  }
  const product = await stripe.products.create({
    name: `Outpost ${name === 'job' ? 'jobs' : name}`,
    metadata: { [PART]: name },
  });
  created.push(`product ${product.id} (${name})`);
  return product.id;
}

/** The metadata by which what belongs to Outpost is found again. */
const PART = 'outpost';

async function ensureEndpoint(stripe: Stripe, offer: Offer, created: string[]): Promise<string | undefined> {
  for await (const endpoint of stripe.webhookEndpoints.list({ limit: 100 })) {
    if (endpoint.url !== offer.webhookUrl) continue;
    const isComplete = EVENTS.every((type) => endpoint.enabled_events.includes(type));
    if (isComplete && endpoint.status === 'enabled') return undefined;
    await stripe.webhookEndpoints.update(endpoint.id, { enabled_events: [...EVENTS], disabled: false });
    created.push(`events of webhook endpoint ${endpoint.id}`);
    return undefined;
  }
  const endpoint = await stripe.webhookEndpoints.create({
    url: offer.webhookUrl,
    enabled_events: [...EVENTS],
    api_version: StripeClient.API_VERSION,
  });
  created.push(`webhook endpoint ${endpoint.id}`);
  return endpoint.secret;
}

/** A meter's errors are events of API v2, which a webhook endpoint of v1 cannot subscribe to. */
async function ensureMeterErrors(
  stripe: Stripe,
  offer: Offer,
  created: string[],
): Promise<string | undefined> {
  const { eventDestinations } = stripe.v2.core;
  for await (const known of eventDestinations.list({ include: ['webhook_endpoint.url'] })) {
    if (known.metadata?.[PART] === METER_ERRORS_PART && known.webhook_endpoint?.url === offer.webhookUrl) {
      return undefined;
    }
  }
  const destination = await eventDestinations.create({
    name: 'Outpost: errors of the meter',
    type: 'webhook_endpoint',
    webhook_endpoint: { url: offer.webhookUrl },
    enabled_events: [...METER_ERRORS],
    event_payload: 'thin',
    metadata: { [PART]: METER_ERRORS_PART },
    include: ['webhook_endpoint.signing_secret'],
  });
  created.push(`event destination ${destination.id}`);
  return destination.webhook_endpoint?.signing_secret;
}

const METER_ERRORS_PART = 'meter-errors';
