import type { StripeStandIn } from './stripe.ts';

/** The hosted pages, as far as a person on this machine needs them: pay, cancel, look. */
const page = (title: string, body: string): Response =>
  new Response(
    `<!doctype html><meta charset="utf-8"><title>${title}</title><body style="font:16px system-ui;margin:4rem auto;max-width:32rem"><h1>${title}</h1><p>This is Outpost’s stand-in for Stripe: no money moves.</p>${body}</body>`,
    { headers: { 'content-type': 'text/html; charset=utf-8' } },
  );

const form = (action: string, label: string): string =>
  `<form method="post" action="${action}"><button style="font:inherit;padding:.5rem 1rem">${label}</button></form>`;

/** Answers a hosted page; undefined for anything else. Ids come from the state, so none is written unescaped. */
export function hostedPage(stripe: StripeStandIn, request: Request): Response | undefined {
  const [, kind, id = ''] = new URL(request.url).pathname.split('/');
  if (kind === 'checkout') return checkoutPage(stripe, request, id);
  if (kind === 'portal') return portalPage(stripe, request, id);
  if (kind === 'invoices') return invoicePage(stripe, id);
  return undefined;
}

function checkoutPage(stripe: StripeStandIn, request: Request, id: string): Response {
  const session = stripe.state.sessions.get(id);
  if (session === undefined) return new Response('no such session', { status: 404 });
  if (session.status !== 'open') return page('Checkout', '<p>This has been paid.</p>');
  if (request.method !== 'POST') return page('Checkout', form(`/checkout/${session.id}`, 'Pay'));
  stripe.completeCheckout(session.id);
  return new Response(null, {
    status: 303,
    headers: { location: session.success_url ?? `/checkout/${session.id}` },
  });
}

function portalPage(stripe: StripeStandIn, request: Request, id: string): Response {
  const customer = stripe.state.customers.get(id);
  if (customer === undefined) return new Response('no such customer', { status: 404 });
  if (request.method === 'POST') stripe.scheduleCancellation(customer.id);
  const subscriptions = stripe.state.subscriptions.of(customer.id);
  const rows = subscriptions.map(
    ({ id: subscription, status, cancel_at: at }) =>
      `<p>${subscription}: ${status}${at === null ? '' : `, ends ${new Date(at * 1000).toISOString()}`}</p>`,
  );
  return page(
    'Your subscriptions',
    `${rows.join('')}${form(`/portal/${customer.id}`, 'Cancel at the end of the period')}`,
  );
}

function invoicePage(stripe: StripeStandIn, id: string): Response {
  const invoice = stripe.state.invoices.get(id);
  if (invoice === undefined) return new Response('no such invoice', { status: 404 });
  const lines = invoice.lines.data.map(
    (line) => `<p>${line.quantity} × ${line.pricing.price_details.price}: ${line.amount}</p>`,
  );
  return page(
    `Invoice ${invoice.number ?? invoice.id}`,
    `${lines.join('')}<p>Total: ${invoice.total} ${invoice.currency}, ${invoice.status}</p>`,
  );
}
