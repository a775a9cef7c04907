import type { Context } from './context.ts';
import { invalid, missing } from './errors.ts';
import { type Form, formOf, labelsOf, listOf, textOf } from './form.ts';
import type { CheckoutSession, PortalSession } from './objects.ts';

const DAY = 86_400;

/** POST /v1/checkout/sessions */
export function createCheckout(context: Context, form: Form): CheckoutSession {
  const { state, now, pagesUrl } = context;
  const customer = knownCustomer(context, form);
  const lines = listOf(form, 'line_items');
  lines.forEach((line, index) => {
    const price = state.prices.get(textOf(line, 'price') ?? '');
    if (price === undefined) throw missing('price', textOf(line, 'price') ?? '');
    if (price.recurring.usage_type === 'metered' && 'quantity' in line) {
      throw invalid(
        'Quantity should not be specified where usage_type is metered.',
        `line_items[${index}][quantity]`,
      );
    }
    if (price.recurring.usage_type === 'licensed' && !('quantity' in line)) {
      throw invalid('Quantity is required.', `line_items[${index}][quantity]`);
    }
  });
  const subscription = formOf(form, 'subscription_data');
  const id = state.id('cs_test');
  return state.sessions.put({
    id,
    object: 'checkout.session',
    livemode: false,
    created: now(),
    mode: 'subscription',
    status: 'open',
    payment_status: 'unpaid',
    customer,
    client_reference_id: textOf(form, 'client_reference_id') ?? null,
    url: `${pagesUrl}/checkout/${id}`,
    success_url: textOf(form, 'success_url') ?? null,
    cancel_url: textOf(form, 'cancel_url') ?? null,
    expires_at: now() + DAY,
    subscription: null,
    metadata: labelsOf(form, 'metadata'),
    hidden: {
      prices: lines.map((line) => textOf(line, 'price') ?? ''),
      metadata: labelsOf(subscription, 'metadata'),
      billingMode:
        textOf(formOf(subscription, 'billing_mode'), 'type') === 'flexible' ? 'flexible' : 'classic',
    },
  });
}

/** POST /v1/billing_portal/sessions */
export function createPortal(context: Context, form: Form): PortalSession {
  const id = context.state.id('bps');
  const customer = knownCustomer(context, form);
  return {
    id,
    object: 'billing_portal.session',
    livemode: false,
    created: context.now(),
    customer,
    url: `${context.pagesUrl}/portal/${customer}`,
    return_url: textOf(form, 'return_url') ?? null,
    configuration: 'bpc_1',
  };
}

function knownCustomer({ state }: Context, form: Form): string {
  const customer = textOf(form, 'customer') ?? '';
  if (state.customers.get(customer) === undefined) throw missing('customer', customer);
  return customer;
}
