import { type Context, emit } from './context.ts';
import type { Invoice, InvoiceLine, Meter, Subscription, SubscriptionItem } from './objects.ts';

/** Seconds that a cycle's draft stays open before it finalises by itself. */
const DRAFT_SECONDS = 3600;
const RETRY_SECONDS = 3 * 86_400;
/** The fourth failed charge of an invoice ends the subscription. */
const ATTEMPTS_MAX = 4;

/**
 * The sum of a customer's meter events in a window, its start included and its end not; of those only that
 * were taken until `takenUntil`.
 */
export function usageOf(
  { state }: Context,
  meter: Meter,
  customer: string,
  from: number,
  to: number,
  takenUntil = Infinity,
): number {
  const { event_payload_key: customerKey } = meter.customer_mapping;
  const { event_payload_key: valueKey } = meter.value_settings;
  return state.meterEvents
    .of(customer)
    .filter(
      (event) =>
        event.event_name === meter.event_name &&
        event.payload[customerKey] === customer &&
        event.created <= takenUntil &&
        event.timestamp >= from &&
        event.timestamp < to,
    )
    .reduce((sum, event) => sum + Number(event.payload[valueKey]), 0);
}

const amountOf = (item: SubscriptionItem, quantity: number): number =>
  Math.round(quantity * Number(item.price.unit_amount_decimal ?? 0));

export function lineOf(
  context: Context,
  subscription: Subscription,
  item: SubscriptionItem,
  facts: { quantity: number; amount: number; start: number; end: number; proration?: boolean },
): InvoiceLine {
  return {
    id: context.state.id('il'),
    object: 'line_item',
    amount: facts.amount,
    currency: item.price.currency,
    quantity: facts.quantity,
    period: { start: facts.start, end: facts.end },
    parent: {
      type: 'subscription_item_details',
      subscription_item_details: {
        subscription: subscription.id,
        subscription_item: item.id,
        proration: facts.proration ?? false,
      },
    },
    pricing: {
      type: 'price_details',
      price_details: { price: item.price.id, product: item.price.product },
    },
  };
}

/** Usage is billed for the cycle that ends, the fee for the one that begins (`next`, unless there is none). */
export function cycleLines(
  context: Context,
  subscription: Subscription,
  ended: { start: number; end: number },
  next: number | undefined,
): InvoiceLine[] {
  return subscription.items.data.flatMap((item) => {
    const meter = meterOf(context, item);
    if (meter !== undefined) {
      const start = Math.max(ended.start, item.created);
      const quantity = usageOf(context, meter, subscription.customer, start, ended.end);
      return [lineOf(context, subscription, item, { quantity, amount: amountOf(item, quantity), ...ended })];
    }
    if (next === undefined) return [];
    const quantity = item.quantity ?? 1;
    const facts = { quantity, amount: amountOf(item, quantity), start: ended.end, end: next };
    return [lineOf(context, subscription, item, facts)];
  });
}

const meterOf = ({ state }: Context, item: SubscriptionItem): Meter | undefined =>
  item.price.recurring.meter === null ? undefined : state.meters.get(item.price.recurring.meter);

export function draftOf(
  context: Context,
  subscription: Subscription,
  reason: string,
  lines: InvoiceLine[],
  period: { start: number; end: number },
): Invoice {
  const invoice: Invoice = {
    id: context.state.id('in'),
    object: 'invoice',
    livemode: false,
    customer: subscription.customer,
    status: 'draft',
    auto_advance: true,
    automatically_finalizes_at: context.now() + DRAFT_SECONDS,
    billing_reason: reason,
    created: context.now(),
    currency: subscription.items.data[0]?.price.currency ?? 'usd',
    period_start: period.start,
    period_end: period.end,
    total: 0,
    amount_due: 0,
    amount_paid: 0,
    amount_remaining: 0,
    attempt_count: 0,
    next_payment_attempt: null,
    hosted_invoice_url: null,
    number: null,
    metadata: {},
    parent: { type: 'subscription_details', subscription_details: { subscription: subscription.id } },
    lines: { object: 'list', data: lines, has_more: false, url: '' },
  };
  setTotal(invoice);
  return invoice;
}

export function createInvoice(context: Context, ...of: DraftArguments): Invoice {
  const invoice = context.state.invoices.put(draftOf(context, ...of));
  const [subscription] = of;
  subscription.latest_invoice = invoice.id;
  context.state.subscriptions.put(subscription);
  emit(context, 'invoice.created', invoice);
  return invoice;
}

type DraftArguments = [
  subscription: Subscription,
  reason: string,
  lines: InvoiceLine[],
  period: { start: number; end: number },
];

function setTotal(invoice: Invoice): void {
  const total = invoice.lines.data.reduce((sum, line) => sum + line.amount, 0);
  invoice.total = total;
  invoice.amount_due = Math.max(total, 0);
  invoice.amount_remaining = invoice.amount_due - invoice.amount_paid;
}

/** Closes a draft. Its usage is read once more: until then late events still count. */
export function finalize(context: Context, invoice: Invoice): void {
  const subscription = subscriptionOf(context, invoice);
  for (const line of invoice.lines.data) {
    const id = line.parent.subscription_item_details.subscription_item;
    const item = subscription.items.data.find((each) => each.id === id);
    const meter = item && meterOf(context, item);
    if (item === undefined || meter === undefined) continue;
    const { start, end } = line.period;
    line.quantity = usageOf(context, meter, invoice.customer, Math.max(start, item.created), end);
    line.amount = amountOf(item, line.quantity);
  }
  setTotal(invoice);
  invoice.status = 'open';
  invoice.automatically_finalizes_at = null;
  invoice.number = context.state.id('N').toUpperCase();
  invoice.hosted_invoice_url = `${context.pagesUrl}/invoices/${invoice.id}`;
  context.state.invoices.put(invoice);
  emit(context, 'invoice.finalized', invoice);
}

function subscriptionOf({ state }: Context, invoice: Invoice): Subscription {
  const id = invoice.parent.subscription_details.subscription;
  const subscription = state.subscriptions.get(id);
  if (subscription === undefined) throw new Error(`the invoice ${invoice.id} has no subscription`);
  return subscription;
}

/** Charges an open invoice; a card that fails is tried again, and in the end the subscription is cancelled. */
export function charge(context: Context, invoice: Invoice): void {
  const subscription = subscriptionOf(context, invoice);
  const paid = invoice.amount_due === 0 || context.pays(invoice.customer);
  invoice.attempt_count += 1;
  if (paid) {
    invoice.status = 'paid';
    invoice.amount_paid = invoice.amount_due;
    invoice.amount_remaining = 0;
    invoice.next_payment_attempt = null;
    context.state.invoices.put(invoice);
    if (isOpen(subscription)) setStatus(context, subscription, 'active');
    emit(context, 'invoice.paid', invoice);
    emit(context, 'invoice.payment_succeeded', invoice);
    return;
  }
  const last = invoice.attempt_count >= ATTEMPTS_MAX;
  invoice.next_payment_attempt = last ? null : context.now() + RETRY_SECONDS;
  context.state.invoices.put(invoice);
  emit(context, 'invoice.payment_failed', invoice);
  if (!isOpen(subscription)) return;
  if (last) endSubscription(context, subscription, context.now());
  else if (subscription.status !== 'incomplete') setStatus(context, subscription, 'past_due');
}

const isOpen = (subscription: Subscription): boolean =>
  subscription.status !== 'canceled' && subscription.status !== 'incomplete_expired';

function setStatus(context: Context, subscription: Subscription, status: Subscription['status']): void {
  if (subscription.status === status) return;
  const previous = { status: subscription.status };
  subscription.status = status;
  context.state.subscriptions.put(subscription);
  emit(context, 'customer.subscription.updated', subscription, previous);
}

/** Ends a subscription at once; what was used until then is billed. */
export function endSubscription(context: Context, subscription: Subscription, at: number): void {
  const start = subscription.items.data[0]?.current_period_start ?? subscription.start_date;
  subscription.status = 'canceled';
  subscription.ended_at = at;
  subscription.canceled_at ??= at;
  context.state.subscriptions.put(subscription);
  emit(context, 'customer.subscription.deleted', subscription);
  const lines = cycleLines(context, subscription, { start, end: at }, undefined);
  createInvoice(context, subscription, 'subscription_cycle', lines, { start, end: at });
}
