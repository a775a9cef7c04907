import { type } from 'arktype';
import { Invoice, UsageReport } from '../../shared/model/billing.ts';
import { Plan, TenantStatus } from '../../shared/model/tenant.ts';
import { receiveEvent } from '../billing/receive-event.ts';
import { requireBilling } from '../billing/stripe.ts';
import { verifyEvent } from '../billing/verify-event.ts';
import { route } from '../http/route.ts';
import { changePlan, PaidPlanName, PlanChange, PlanPreview, previewPlan } from '../operations/change-plan.ts';
import { invoiceJobs, listInvoices } from '../operations/list-invoices.ts';
import { listPlans, PlanOffer } from '../operations/list-plans.ts';
import { openCallersPortal } from '../operations/open-portal.ts';
import { CursorText, LimitText } from '../operations/page.ts';
import { setSpendCap, SpendCap } from '../operations/set-spend-cap.ts';
import { CheckoutAnswer, CheckoutRequest, startCheckout } from '../operations/start-checkout.ts';
import { usageOf } from '../operations/read-usage.ts';

export const plans = route({
  method: 'GET',
  path: '/plans',
  operationId: 'listPlans',
  tag: 'Billing',
  summary: 'List the plans, their limits and prices',
  description: 'Prices are null where this deployment does not bill.',
  access: 'billing:read',
  action: 'billing.plans',
  answers: { 200: { description: 'All plans.', schema: type({ plans: PlanOffer.array() }) } },
  handle: async ({ deps }) => ({ status: 200, body: { plans: await listPlans(deps) } }),
});

export const usage = route({
  method: 'GET',
  path: '/usage',
  operationId: 'getUsage',
  tag: 'Billing',
  summary: 'Read what is used of the current period',
  access: 'billing:read',
  action: 'billing.usage',
  answers: { 200: { description: 'The period, its limit and what is used of it.', schema: UsageReport } },
  handle: async ({ deps, caller }) => ({ status: 200, body: await usageOf(deps, caller) }),
});

export const checkout = route({
  method: 'POST',
  path: '/billing/checkout',
  operationId: 'startCheckout',
  tag: 'Billing',
  summary: 'Begin the way to a plan',
  description:
    'Answers with the page to send the customer to: Checkout without a subscription, the portal with one. `free` schedules the cancellation at the end of the period.',
  access: 'billing:write',
  live: true,
  action: 'billing.checkout',
  mutation: true,
  body: CheckoutRequest,
  answers: { 200: { description: 'What happens next.', schema: CheckoutAnswer } },
  errors: ['billing_off', 'conflict', 'not_found'],
  example: { plan: 'pro' },
  handle: async ({ deps, caller, body, change, requestId }) => ({
    status: 200,
    body: await startCheckout(deps, caller, body, { change, requestId }),
  }),
});

export const portal = route({
  method: 'GET',
  path: '/billing/portal',
  operationId: 'openPortal',
  tag: 'Billing',
  summary: 'Open the customer portal',
  description:
    'JSON with the address of a page that is good for minutes; a browser (Accept: text/html) is sent there. The page may change the subscription, so it takes billing:write.',
  access: 'billing:write',
  live: true,
  action: 'billing.portal',
  requestHeaders: { accept: 'text/html for a redirect' },
  answers: {
    200: { description: 'Where the portal is.', schema: type({ url: 'string' }) },
    303: { description: 'For a browser.', headers: { location: 'The portal.' } },
  },
  errors: ['billing_off', 'conflict', 'not_found'],
  handle: async ({ deps, caller, headers }) => {
    const url = await openCallersPortal(deps, caller);
    const browser = headers.get('accept')?.includes('text/html') === true;
    return browser ? { status: 303, headers: { location: url } } : { status: 200, body: { url } };
  },
});

export const preview = route({
  method: 'GET',
  path: '/billing/preview',
  operationId: 'previewPlan',
  tag: 'Billing',
  summary: 'See what a change of plan would cost now',
  access: 'billing:read',
  action: 'billing.preview',
  query: type({ '+': 'reject', plan: PaidPlanName }),
  answers: { 200: { description: 'What would be charged; below zero, credited.', schema: PlanPreview } },
  errors: ['billing_off', 'conflict', 'not_found'],
  handle: async ({ deps, caller, query }) => ({
    status: 200,
    body: await previewPlan(deps, caller, query.plan),
  }),
});

export const plan = route({
  method: 'POST',
  path: '/billing/plan',
  operationId: 'changePlan',
  tag: 'Billing',
  summary: 'Change the plan of a running subscription',
  description: 'Takes hold at once, up or down; the rest of the period is charged or credited.',
  access: 'billing:write',
  live: true,
  action: 'billing.change_plan',
  mutation: true,
  body: PlanChange,
  answers: {
    200: { description: 'The plan as it is now.', schema: type({ plan: Plan, status: TenantStatus }) },
  },
  errors: ['billing_off', 'conflict', 'not_found'],
  example: { plan: 'enterprise' },
  handle: async ({ deps, caller, body, change, requestId }) => ({
    status: 200,
    body: await changePlan(deps, caller, body.plan, { change, requestId }),
  }),
});

export const invoices = route({
  method: 'GET',
  path: '/billing/invoices',
  operationId: 'listInvoices',
  tag: 'Billing',
  summary: 'List invoices, newest first',
  access: 'billing:read',
  action: 'billing.invoices',
  query: type({ '+': 'reject', 'cursor?': CursorText, 'limit?': LimitText }),
  answers: {
    200: {
      description: 'A page of invoices.',
      schema: type({ invoices: Invoice.array(), next_cursor: 'string | null' }),
    },
  },
  errors: ['billing_off'],
  handle: async ({ deps, caller, query }) => ({ status: 200, body: await listInvoices(deps, caller, query) }),
});

export const invoiceCsv = route({
  method: 'GET',
  path: '/billing/invoices/:invoice_id/jobs',
  operationId: 'listInvoiceJobs',
  tag: 'Billing',
  summary: 'Read the jobs of an invoice as CSV',
  description: 'One row a job: as many as the metered line of the invoice has.',
  access: 'billing:read',
  action: 'billing.invoice_jobs',
  params: type({ invoice_id: type(/^in_[A-Za-z0-9]{1,64}$/).describe('the id of an invoice, in_...') }),
  answers: {
    200: {
      description: 'job_id, agent, billable_at.',
      contentType: 'text/csv',
      headers: { 'content-disposition': 'The name of the file.' },
    },
  },
  errors: ['billing_off', 'not_found'],
  handle: async ({ deps, caller, params }) =>
    new Response(await invoiceJobs(deps, caller, params.invoice_id), {
      headers: {
        'content-type': 'text/csv; charset=utf-8',
        'content-disposition': `attachment; filename="${params.invoice_id}.csv"`,
      },
    }),
});

export const spendCap = route({
  method: 'PUT',
  path: '/billing/spend-cap',
  operationId: 'setSpendCap',
  tag: 'Billing',
  summary: 'Cap the jobs of a period',
  description: 'A hard limit that an Enterprise tenant sets for itself; null takes it away.',
  access: 'billing:write',
  live: true,
  action: 'billing.spend_cap',
  mutation: true,
  body: SpendCap,
  answers: { 200: { description: 'The cap as it is now.', schema: SpendCap } },
  errors: ['conflict', 'not_found'],
  example: { jobs_per_period: 500 },
  handle: async ({ deps, caller, body, change }) => ({
    status: 200,
    body: await setSpendCap(deps, caller, body, change),
  }),
});

export const webhook = route({
  method: 'POST',
  path: '/webhooks/stripe',
  operationId: 'receiveStripeEvent',
  tag: 'Billing',
  summary: 'Take an event of Stripe',
  description: 'For Stripe alone: the signature over the raw body says that it is.',
  access: 'public',
  action: 'billing.webhook',
  requestHeaders: { 'stripe-signature': 'Stripe’s signature.' },
  rawBody: 'An event, signed by its very bytes.',
  example: { id: 'evt_Sample', object: 'event', type: 'customer.subscription.updated' },
  answers: {
    200: {
      description: 'It is done, was done before, or is none of ours.',
      schema: type({ received: "'done' | 'repeated' | 'ignored'" }),
    },
  },
  errors: ['billing_off', 'conflict'],
  handle: async ({ deps, rawBody, headers }) => {
    const billing = requireBilling(deps);
    const event = await verifyEvent(billing, rawBody, headers.get('stripe-signature'), deps.clock.now());
    return { status: 200, body: { received: await receiveEvent(deps, billing, event) } };
  },
});
