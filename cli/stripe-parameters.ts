import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * `bun cli/stripe-parameters.ts`: what the Stripe stand-in accepts, read from the SDK's own declarations, so
 * that it refuses what Stripe would not know. A test fails when local/stripe/parameters.json is out of date.
 */
type Field = { readonly required?: true; readonly fields?: Fields };
type Fields = { [name: string]: Field };

const FOLDER = join(import.meta.dirname, '..', 'node_modules/stripe/esm/resources');
const TARGET = join(import.meta.dirname, '..', 'local/stripe/parameters.json');

/** Route of the API -> file of the SDK and the type of its parameters. */
const ROUTES: Readonly<Record<string, readonly [file: string, type: string]>> = {
  'POST /v1/customers': ['Customers', 'CustomerCreateParams'],
  'GET /v1/customers/:id': ['Customers', 'CustomerRetrieveParams'],
  'POST /v1/products': ['Products', 'ProductCreateParams'],
  'GET /v1/products': ['Products', 'ProductListParams'],
  'POST /v1/prices': ['Prices', 'PriceCreateParams'],
  'GET /v1/prices': ['Prices', 'PriceListParams'],
  'GET /v1/prices/:id': ['Prices', 'PriceRetrieveParams'],
  'POST /v1/billing/meters': ['Billing/Meters', 'MeterCreateParams'],
  'GET /v1/billing/meters': ['Billing/Meters', 'MeterListParams'],
  'GET /v1/billing/meters/:id/event_summaries': ['Billing/Meters', 'MeterListEventSummariesParams'],
  'POST /v1/billing/meter_events': ['Billing/MeterEvents', 'MeterEventCreateParams'],
  'POST /v1/webhook_endpoints': ['WebhookEndpoints', 'WebhookEndpointCreateParams'],
  'GET /v1/webhook_endpoints': ['WebhookEndpoints', 'WebhookEndpointListParams'],
  'POST /v1/webhook_endpoints/:id': ['WebhookEndpoints', 'WebhookEndpointUpdateParams'],
  'POST /v2/core/event_destinations': ['V2/Core/EventDestinations', 'EventDestinationCreateParams'],
  'GET /v2/core/event_destinations': ['V2/Core/EventDestinations', 'EventDestinationListParams'],
  'GET /v2/core/events/:id': ['V2/Core/Events', 'EventRetrieveParams'],
  'POST /v1/checkout/sessions': ['Checkout/Sessions', 'SessionCreateParams'],
  'GET /v1/checkout/sessions/:id': ['Checkout/Sessions', 'SessionRetrieveParams'],
  'POST /v1/billing_portal/sessions': ['BillingPortal/Sessions', 'SessionCreateParams'],
  'GET /v1/subscriptions': ['Subscriptions', 'SubscriptionListParams'],
  'GET /v1/subscriptions/:id': ['Subscriptions', 'SubscriptionRetrieveParams'],
  'POST /v1/subscriptions/:id': ['Subscriptions', 'SubscriptionUpdateParams'],
  'DELETE /v1/subscriptions/:id': ['Subscriptions', 'SubscriptionCancelParams'],
  'GET /v1/invoices': ['Invoices', 'InvoiceListParams'],
  'GET /v1/invoices/:id': ['Invoices', 'InvoiceRetrieveParams'],
  'POST /v1/invoices/:id': ['Invoices', 'InvoiceUpdateParams'],
  'POST /v1/invoices/:id/finalize': ['Invoices', 'InvoiceFinalizeInvoiceParams'],
  'POST /v1/invoices/create_preview': ['Invoices', 'InvoiceCreatePreviewParams'],
  'GET /v1/events': ['Events', 'EventListParams'],
};

/** What every list takes: the SDK declares it apart. */
const PAGINATION: Fields = { limit: {}, starting_after: {}, ending_before: {} };

/** A declaration's own lines, by its name with the namespaces that it lies in. */
function interfacesOf(file: string): Map<string, { lines: string[]; paginated: boolean }> {
  const found = new Map<string, { lines: string[]; paginated: boolean }>();
  const scopes: { name: string; kind: 'namespace' | 'interface' | 'other' }[] = [];
  for (const line of readFileSync(join(FOLDER, `${file}.d.ts`), 'utf8').split('\n')) {
    const opened = /^\s*(?:export )?(?:declare )?(namespace|interface) (\w+)(.*)\{$/.exec(line);
    const inside = scopes.at(-1);
    if (opened !== null) {
      const [, kind, name = '', rest = ''] = opened;
      const path = [...scopes.map((scope) => scope.name), name].join('.');
      if (kind === 'interface') {
        found.set(path, { lines: [], paginated: rest.includes('PaginationParams') });
      }
      scopes.push({ name, kind: kind === 'interface' ? 'interface' : 'namespace' });
    } else if (/^\s*\}/.test(line)) {
      scopes.pop();
    } else {
      if (inside?.kind === 'interface') found.get(scopes.map(({ name }) => name).join('.'))?.lines.push(line);
      if (/\{\s*$/.test(line)) scopes.push({ name: '', kind: 'other' });
    }
  }
  return found;
}

function fieldsOf(found: ReturnType<typeof interfacesOf>, path: string, depth: number): Fields {
  const declared = found.get(path);
  if (declared === undefined) throw new Error(`the SDK does not declare ${path}`);
  const fields: Fields = declared.paginated ? { ...PAGINATION } : {};
  for (const line of declared.lines) {
    const [, name, optional, typeText = ''] = /^\s+(\w+)(\?)?: (.*?);?$/.exec(line) ?? [];
    if (name === undefined) continue;
    const inner = depth > 0 ? innerOf(found, path, typeText) : undefined;
    fields[name] = {
      ...(optional === undefined ? { required: true } : {}),
      ...(inner === undefined ? {} : { fields: fieldsOf(found, inner, depth - 1) }),
    };
  }
  return fields;
}

/** The interface that a type refers to, if there is exactly one: `Array<A.B>`, `Emptyable<A.B>`, `A.B`. */
function innerOf(found: ReturnType<typeof interfacesOf>, from: string, typeText: string): string | undefined {
  if (typeText.includes('|')) return undefined;
  const names = [...typeText.matchAll(/\b[A-Z]\w*(?:\.[A-Z]\w*)*/g)].map(([name]) => name);
  const candidates = names.flatMap((name) =>
    [...found.keys()].filter((key) => key === name || key.endsWith(`.${name}`) || key === `${from}.${name}`),
  );
  return candidates.length === 1 ? candidates[0] : undefined;
}

const DEPTH = 4;

/** The stand-in's parameters, as text. */
export function parametersText(): string {
  const routes = Object.entries(ROUTES).map(([route, [file, type]]) => {
    const found = interfacesOf(file);
    const path = [...found.keys()].find((key) => key === type || key.endsWith(`.${type}`)) ?? type;
    return [route, fieldsOf(found, path, DEPTH)] as const;
  });
  return `${JSON.stringify(Object.fromEntries(routes))}\n`;
}

if (import.meta.main) {
  writeFileSync(TARGET, parametersText());
  process.stdout.write(`${TARGET}: ${Object.keys(ROUTES).length} routes\n`);
}
