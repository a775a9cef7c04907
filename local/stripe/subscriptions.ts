import { type Context, emit } from './context.ts';
import { invalid, missing } from './errors.ts';
import { type Form, isTrue, labelsOf, listOf, textOf } from './form.ts';
import { charge, createInvoice, cycleLines, draftOf, endSubscription, finalize, lineOf } from './invoices.ts';
import { cycleEnd } from './months.ts';
import type { CheckoutSession, Invoice, InvoiceLine, Subscription, SubscriptionItem } from './objects.ts';

/** What the customer's click on "Pay" does: subscription, first invoice, events. */
export function completeCheckout(context: Context, sessionId: string): Subscription {
  const session = context.state.sessions.get(sessionId);
  if (session === undefined || session.status !== 'open') throw missing('open checkout session', sessionId);
  const subscription = createSubscription(context, session);
  emit(context, 'customer.subscription.created', subscription);
  const start = subscription.created;
  const end = subscription.items.data[0]?.current_period_end ?? start;
  const lines = cycleLines(context, subscription, { start, end: start }, end).filter(
    (line) => line.quantity !== 0,
  );
  const invoice = createInvoice(context, subscription, 'subscription_create', lines, { start, end: start });
  finalize(context, invoice);
  charge(context, invoice);
  session.status = 'complete';
  session.payment_status = invoice.status === 'paid' ? 'paid' : 'unpaid';
  session.subscription = subscription.id;
  context.state.sessions.put(session);
  const { hidden: _, ...shown } = session;
  emit(context, 'checkout.session.completed', shown);
  return subscription;
}

function createSubscription(context: Context, session: CheckoutSession): Subscription {
  const { state } = context;
  const now = context.now();
  const id = state.id('sub');
  return state.subscriptions.put({
    id,
    object: 'subscription',
    livemode: false,
    customer: session.customer,
    status: 'incomplete',
    created: now,
    start_date: now,
    billing_cycle_anchor: now,
    billing_mode: { type: session.hidden.billingMode },
    cancel_at: null,
    cancel_at_period_end: false,
    canceled_at: null,
    ended_at: null,
    latest_invoice: null,
    metadata: session.hidden.metadata,
    items: {
      object: 'list',
      has_more: false,
      url: `/v1/subscription_items?subscription=${id}`,
      data: session.hidden.prices.map((price) =>
        itemOf(context, id, price, { start: now, end: cycleEnd(now, now) }),
      ),
    },
  });
}

function itemOf(
  { state, now }: Context,
  subscription: string,
  priceId: string,
  period: { start: number; end: number },
): SubscriptionItem {
  const price = state.prices.get(priceId);
  if (price === undefined) throw missing('price', priceId);
  return {
    id: state.id('si'),
    object: 'subscription_item',
    subscription,
    created: now(),
    price,
    ...(price.recurring.usage_type === 'metered' ? {} : { quantity: 1 }),
    metadata: {},
    current_period_start: period.start,
    current_period_end: period.end,
  };
}

/** POST /v1/subscriptions/:id */
export function updateSubscription(context: Context, subscription: Subscription, form: Form): Subscription {
  if (subscription.status === 'canceled')
    throw invalid('A canceled subscription can only update its metadata.');
  const previous = structuredClone(subscription);
  if ('cancel_at_period_end' in form) {
    subscription.cancel_at_period_end = isTrue(form, 'cancel_at_period_end');
    subscription.cancel_at = subscription.cancel_at_period_end
      ? (subscription.items.data[0]?.current_period_end ?? null)
      : null;
  }
  if ('metadata' in form) Object.assign(subscription.metadata, labelsOf(form, 'metadata'));
  const prorations = changeItems(context, subscription, listOf(form, 'items'));
  context.state.subscriptions.put(subscription);
  emit(context, 'customer.subscription.updated', subscription, previous);
  if (prorations.length > 0 && textOf(form, 'proration_behavior') === 'always_invoice') {
    const at = context.now();
    const period = { start: at, end: at };
    const invoice = createInvoice(context, subscription, 'subscription_update', prorations, period);
    finalize(context, invoice);
    charge(context, invoice);
  }
  return subscription;
}

/** Swaps prices; answers what is credited and charged for the rest of the cycle. */
function changeItems(context: Context, subscription: Subscription, changes: readonly Form[]): InvoiceLine[] {
  return changes.flatMap((change) => {
    const item = subscription.items.data.find((each) => each.id === textOf(change, 'id'));
    const priceId = textOf(change, 'price') ?? '';
    const price = context.state.prices.get(priceId);
    if (item === undefined) throw missing('subscription item', textOf(change, 'id') ?? '');
    if (price === undefined) throw missing('price', priceId);
    const end = item.current_period_end;
    const share = (end - context.now()) / (end - item.current_period_start);
    const facts = { quantity: 1, start: context.now(), end, proration: true };
    const part = (sign: 1 | -1): InvoiceLine => {
      const amount = sign * Math.round(Number(item.price.unit_amount_decimal ?? 0) * share);
      return lineOf(context, subscription, item, { ...facts, amount });
    };
    const credit = part(-1);
    item.price = price;
    return [credit, part(1)];
  });
}

/** POST /v1/invoices/create_preview: what an update would be charged, with nothing changed. */
export function previewUpdate(context: Context, subscription: Subscription, items: readonly Form[]): Invoice {
  const copy = structuredClone(subscription);
  const lines = changeItems(context, copy, items);
  const at = context.now();
  return {
    ...draftOf(context, copy, 'upcoming', lines, { start: at, end: at }),
    id: context.state.id('upcoming_in'),
  };
}

/**
 * Lets the time that has passed take effect: cycles end, drafts finalise, failed charges are repeated. Run
 * after every move of the clock.
 */
export function advance(context: Context): void {
  for (const subscription of context.state.subscriptions.all()) endCycles(context, subscription);
  for (const invoice of context.state.invoices.all()) {
    const finalizesAt = invoice.automatically_finalizes_at;
    if (
      invoice.status === 'draft' &&
      invoice.auto_advance &&
      finalizesAt !== null &&
      finalizesAt <= context.now()
    ) {
      finalize(context, invoice);
      charge(context, invoice);
    } else if (isDue(invoice, context.now())) {
      charge(context, invoice);
    }
  }
}

/** Stripe repeats a failed charge by itself, unless it is kept from it. */
const isDue = (
  { status, auto_advance: advances, next_payment_attempt: next }: Invoice,
  now: number,
): boolean => status === 'open' && advances && next !== null && next <= now;

const RENEWED: readonly Subscription['status'][] = ['active', 'past_due', 'unpaid'];

function endCycles(context: Context, subscription: Subscription): void {
  for (;;) {
    const [first] = subscription.items.data;
    if (first === undefined || !RENEWED.includes(subscription.status)) return;
    const { current_period_start: start, current_period_end: end } = first;
    if (context.now() < end) return;
    if (subscription.cancel_at !== null && subscription.cancel_at <= end) {
      endSubscription(context, subscription, end);
      return;
    }
    const next = cycleEnd(subscription.billing_cycle_anchor, end);
    const lines = cycleLines(context, subscription, { start, end }, next);
    for (const item of subscription.items.data) {
      item.current_period_start = end;
      item.current_period_end = next;
    }
    context.state.subscriptions.put(subscription);
    emit(context, 'customer.subscription.updated', subscription, { current_period_end: end });
    createInvoice(context, subscription, 'subscription_cycle', lines, { start, end });
  }
}
