import {
  createCustomer,
  createDestination,
  createEndpoint,
  createMeter,
  createPrice,
  createProduct,
  listDestinations,
  listPrices,
  updateEndpoint,
} from './catalog.ts';
import type { Context } from './context.ts';
import { invalid, missing, StripeError } from './errors.ts';
import { type Form, formOf, isTrue, listOf, textOf } from './form.ts';
import { charge, endSubscription, finalize } from './invoices.ts';
import { createMeterEvent, type Lanes, summaries } from './meters.ts';
import type { Invoice, Subscription } from './objects.ts';
import { createCheckout, createPortal } from './sessions.ts';
import { previewUpdate, updateSubscription } from './subscriptions.ts';

export type Call = {
  readonly context: Context;
  readonly lanes: Lanes;
  readonly id: string;
  readonly form: Form;
};
type Handler = (call: Call) => object | Promise<object>;

const PAGE_DEFAULT = 10;
const PAGE_MAX = 100;

/** A page of a list, newest first, as Stripe pages: `starting_after` an id. */
function page(objects: readonly { readonly id: string }[], form: Form): object {
  const limit = Math.min(Number(textOf(form, 'limit') ?? PAGE_DEFAULT), PAGE_MAX);
  const newest = objects.toReversed();
  const after = textOf(form, 'starting_after');
  const start = after === undefined ? 0 : newest.findIndex(({ id }) => id === after) + 1;
  const data = newest.slice(start, start + limit).map(shown);
  return { object: 'list', data, has_more: start + limit < newest.length, url: '/v1' };
}

/** An object as it is answered: what is hidden stays inside. */
export function shown(object: object): object {
  const { hidden: _, ...rest } = { hidden: undefined, ...object };
  return rest;
}

function found<T>(object: T | undefined, what: string, id: string): T {
  if (object === undefined) throw missing(what, id);
  return object;
}

const matches = (form: Form, name: string, value: string): boolean =>
  textOf(form, name) === undefined || textOf(form, name) === value;

const subscriptionOf = ({ context, id }: Call): Subscription =>
  found(context.state.subscriptions.get(id), 'subscription', id);

const invoiceOf = ({ context, id }: Call): Invoice => found(context.state.invoices.get(id), 'invoice', id);

/** Without a status, Stripe leaves the cancelled ones out. */
function listSubscriptions({ context, form }: Call): object {
  const status = textOf(form, 'status');
  const customer = textOf(form, 'customer');
  const { subscriptions } = context.state;
  const all = customer === undefined ? subscriptions.all() : subscriptions.of(customer);
  if (status === 'all') return page(all, form);
  const kept = all.filter((each) =>
    status === undefined ? each.status !== 'canceled' : each.status === status,
  );
  return page(kept, form);
}

function listInvoices({ context, form }: Call): object {
  const customer = textOf(form, 'customer');
  const { invoices } = context.state;
  const all = customer === undefined ? invoices.all() : invoices.of(customer);
  const since = Number(textOf(formOf(form, 'created'), 'gte') ?? 0);
  return page(
    all.filter(({ status, created }) => matches(form, 'status', status) && created >= since),
    form,
  );
}

function cancelSubscription(call: Call): object {
  const subscription = subscriptionOf(call);
  if (subscription.status === 'canceled') throw missing('subscription', call.id);
  endSubscription(call.context, subscription, call.context.now());
  return subscription;
}

function updateInvoice(call: Call): object {
  const invoice = invoiceOf(call);
  if (invoice.status !== 'draft' && invoice.status !== 'open') throw invalid('It can no longer be changed.');
  if ('auto_advance' in call.form) {
    invoice.auto_advance = isTrue(call.form, 'auto_advance');
    if (invoice.status === 'draft') {
      invoice.automatically_finalizes_at = invoice.auto_advance ? call.context.now() + 3600 : null;
    }
  }
  return call.context.state.invoices.put(invoice);
}

function finalizeInvoice(call: Call): object {
  const invoice = invoiceOf(call);
  if (invoice.status !== 'draft') {
    throw new StripeError(400, 'This invoice is already finalized.', { code: 'invoice_already_finalized' });
  }
  invoice.auto_advance = isTrue(call.form, 'auto_advance');
  finalize(call.context, invoice);
  if (invoice.auto_advance) charge(call.context, invoice);
  return invoice;
}

function preview({ context, form }: Call): object {
  const id = textOf(form, 'subscription') ?? '';
  const subscription = found(context.state.subscriptions.get(id), 'subscription', id);
  return previewUpdate(context, subscription, listOf(formOf(form, 'subscription_details'), 'items'));
}

/** Every route of the stand-in; what each accepts is in parameters.json. */
export const ROUTES: Readonly<Record<string, Handler>> = {
  'POST /v1/customers': ({ context, form }) => createCustomer(context, form),
  'GET /v1/customers/:id': ({ context, id }) => found(context.state.customers.get(id), 'customer', id),
  'POST /v1/products': ({ context, form }) => createProduct(context, form),
  'GET /v1/products': ({ context, form }) => page(context.state.products.all(), form),
  'POST /v1/prices': ({ context, form }) => createPrice(context, form),
  'GET /v1/prices': ({ context, form }) => page(listPrices(context, form), form),
  'GET /v1/prices/:id': ({ context, id }) => found(context.state.prices.get(id), 'price', id),
  'POST /v1/billing/meters': ({ context, form }) => createMeter(context, form),
  'GET /v1/billing/meters': ({ context, form }) => page(context.state.meters.all(), form),
  'GET /v1/billing/meters/:id/event_summaries': ({ context, id, form }) => ({
    object: 'list',
    data: summaries(context, id, form),
    has_more: false,
    url: '/v1',
  }),
  'POST /v1/billing/meter_events': ({ context, lanes, form }) => createMeterEvent(context, lanes, form),
  'POST /v1/webhook_endpoints': ({ context, form }) => createEndpoint(context, form),
  'GET /v1/webhook_endpoints': ({ context, form }) =>
    page(
      context.state.endpoints.all().map(({ secret: _, ...endpoint }) => endpoint),
      form,
    ),
  'POST /v1/webhook_endpoints/:id': ({ context, id, form }) =>
    updateEndpoint(context, found(context.state.endpoints.get(id), 'webhook endpoint', id), form),
  'POST /v2/core/event_destinations': ({ context, form }) => createDestination(context, form),
  'GET /v2/core/event_destinations': ({ context, form }) => listDestinations(context, form),
  'GET /v2/core/events/:id': ({ context, id }) => found(context.state.thinEvents.get(id), 'event', id),
  'POST /v1/checkout/sessions': ({ context, form }) => createCheckout(context, form),
  'GET /v1/checkout/sessions/:id': ({ context, id }) =>
    found(context.state.sessions.get(id), 'checkout session', id),
  'POST /v1/billing_portal/sessions': ({ context, form }) => createPortal(context, form),
  'GET /v1/subscriptions': listSubscriptions,
  'GET /v1/subscriptions/:id': subscriptionOf,
  'POST /v1/subscriptions/:id': (call) => updateSubscription(call.context, subscriptionOf(call), call.form),
  'DELETE /v1/subscriptions/:id': cancelSubscription,
  'GET /v1/invoices': listInvoices,
  'GET /v1/invoices/:id': invoiceOf,
  'POST /v1/invoices/:id': updateInvoice,
  'POST /v1/invoices/:id/finalize': finalizeInvoice,
  'POST /v1/invoices/create_preview': preview,
  'GET /v1/events': ({ context, form }) =>
    page(
      context.state.events.all().filter(({ type }) => matches(form, 'type', type)),
      form,
    ),
};

const ID = /^(cus|price|sub|in|mtr|cs_test|we|prod|evt)_/;

/** The pattern of a path, and the id in it. */
export function routeOf(method: string, pathname: string): { route: string; id: string } {
  const segments = pathname.split('/');
  const id = segments.find((segment) => ID.test(segment)) ?? '';
  const path = segments.map((segment) => (segment === id && id !== '' ? ':id' : segment)).join('/');
  return { route: `${method} ${path}`, id };
}
