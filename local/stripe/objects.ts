/** Stripe's objects, as far as Outpost reads them. Times are epoch seconds, amounts the smallest unit. */
type Common = { readonly id: string; readonly object: string; readonly livemode: false };

export type Customer = Common & {
  created: number;
  email: string | null;
  name: string | null;
  metadata: Record<string, string>;
};

export type Product = Common & { active: boolean; name: string; metadata: Record<string, string> };

export type Price = Common & {
  active: boolean;
  currency: string;
  unit_amount: number | null;
  unit_amount_decimal: string | null;
  lookup_key: string | null;
  type: 'recurring';
  product: string;
  metadata: Record<string, string>;
  recurring: {
    interval: 'month';
    interval_count: 1;
    usage_type: 'metered' | 'licensed';
    meter: string | null;
  };
};

export type Meter = Common & {
  display_name: string;
  event_name: string;
  status: 'active' | 'inactive';
  default_aggregation: { formula: 'sum' };
  customer_mapping: { type: 'by_id'; event_payload_key: string };
  value_settings: { event_payload_key: string };
};

export type MeterEvent = {
  readonly id: string;
  readonly object: 'billing.meter_event';
  readonly identifier: string;
  readonly event_name: string;
  readonly payload: Readonly<Record<string, string>>;
  readonly timestamp: number;
  readonly created: number;
  readonly livemode: false;
};

export type WebhookEndpoint = Common & {
  url: string;
  enabled_events: readonly string[];
  status: 'enabled' | 'disabled';
  secret?: string;
  metadata: Record<string, string>;
};

/** Where the events of API v2 go: thin ones, of which only the id is in the body. */
export type EventDestination = {
  readonly id: string;
  readonly object: 'v2.core.event_destination';
  readonly created: string;
  readonly name: string;
  readonly enabled_events: readonly string[];
  readonly event_payload: string;
  readonly type: string;
  readonly status: 'enabled';
  readonly metadata: Record<string, string>;
  readonly webhook_endpoint: { readonly url: string };
};

/** An event of API v2, as it is fetched. */
export type ThinEvent = {
  readonly id: string;
  readonly object: 'v2.core.event';
  readonly type: string;
  readonly created: string;
  readonly livemode: false;
  readonly related_object: { readonly id: string; readonly type: string; readonly url: string };
  readonly data: unknown;
};

export type CheckoutSession = Common & {
  created: number;
  mode: 'subscription';
  status: 'open' | 'complete' | 'expired';
  payment_status: 'paid' | 'unpaid';
  customer: string;
  client_reference_id: string | null;
  url: string;
  success_url: string | null;
  cancel_url: string | null;
  expires_at: number;
  subscription: string | null;
  metadata: Record<string, string>;
  /** Not part of the answer. */
  hidden: {
    prices: readonly string[];
    metadata: Record<string, string>;
    billingMode: 'flexible' | 'classic';
  };
};

export type PortalSession = Common & {
  created: number;
  customer: string;
  url: string;
  return_url: string | null;
  configuration: string;
};

export type SubscriptionStatus =
  | 'incomplete'
  | 'incomplete_expired'
  | 'active'
  | 'past_due'
  | 'canceled'
  | 'unpaid';

export type SubscriptionItem = {
  readonly id: string;
  readonly object: 'subscription_item';
  readonly subscription: string;
  readonly created: number;
  price: Price;
  quantity?: number;
  metadata: Record<string, string>;
  current_period_start: number;
  current_period_end: number;
};

export type Subscription = Common & {
  readonly customer: string;
  status: SubscriptionStatus;
  readonly created: number;
  readonly start_date: number;
  readonly billing_cycle_anchor: number;
  readonly billing_mode: { readonly type: 'flexible' | 'classic' };
  cancel_at: number | null;
  cancel_at_period_end: boolean;
  canceled_at: number | null;
  ended_at: number | null;
  latest_invoice: string | null;
  metadata: Record<string, string>;
  items: { object: 'list'; data: SubscriptionItem[]; has_more: false; url: string };
};

export type InvoiceLine = {
  readonly id: string;
  readonly object: 'line_item';
  amount: number;
  readonly currency: string;
  quantity: number;
  readonly period: { readonly start: number; readonly end: number };
  readonly parent: {
    readonly type: 'subscription_item_details';
    readonly subscription_item_details: {
      readonly subscription: string;
      readonly subscription_item: string;
      readonly proration: boolean;
    };
  };
  readonly pricing: {
    readonly type: 'price_details';
    readonly price_details: { readonly price: string; readonly product: string };
  };
};

export type Invoice = Common & {
  readonly customer: string;
  status: 'draft' | 'open' | 'paid' | 'uncollectible' | 'void';
  auto_advance: boolean;
  automatically_finalizes_at: number | null;
  readonly billing_reason: string;
  readonly created: number;
  readonly currency: string;
  readonly period_start: number;
  readonly period_end: number;
  total: number;
  amount_due: number;
  amount_paid: number;
  amount_remaining: number;
  attempt_count: number;
  next_payment_attempt: number | null;
  hosted_invoice_url: string | null;
  number: string | null;
  metadata: Record<string, string>;
  readonly parent: {
    readonly type: 'subscription_details';
    readonly subscription_details: { readonly subscription: string };
  };
  lines: { object: 'list'; data: InvoiceLine[]; has_more: false; url: string };
};

export type Event = Common & {
  readonly api_version: string;
  readonly created: number;
  readonly type: string;
  readonly pending_webhooks: number;
  readonly request: { readonly id: null; readonly idempotency_key: null };
  readonly data: { readonly object: unknown; readonly previous_attributes?: unknown };
};

/** An answer that was given to an Idempotency-Key. */
export type Replay = {
  readonly id: string;
  readonly signature: string;
  readonly status: number;
  readonly body: string;
  readonly created: number;
};

/** An event on its way to the webhook endpoint. */
export type Delivery = {
  readonly id: string;
  readonly body: string;
  attempts: number;
  dueAt: number;
};
