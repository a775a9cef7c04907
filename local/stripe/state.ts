import { Database } from 'bun:sqlite';
import type {
  CheckoutSession,
  Customer,
  Delivery,
  Event,
  EventDestination,
  Invoice,
  Meter,
  MeterEvent,
  Price,
  Product,
  Replay,
  Subscription,
  ThinEvent,
  WebhookEndpoint,
} from './objects.ts';

/** Objects of one kind by id, in the order of their creation. What is changed must be put again to last. */
export type Collection<T extends { readonly id: string }> = {
  get(id: string): T | undefined;
  put(object: T): T;
  remove(id: string): void;
  all(): T[];
};

/** Objects that belong to a customer for as long as they exist. */
export type CustomersOwn<T extends { readonly id: string }> = Collection<T> & {
  of(customer: string): T[];
};

export type State = {
  readonly customers: Collection<Customer>;
  readonly products: Collection<Product>;
  readonly prices: Collection<Price>;
  readonly meters: Collection<Meter>;
  readonly meterEvents: CustomersOwn<MeterEvent>;
  readonly endpoints: Collection<WebhookEndpoint>;
  readonly sessions: Collection<CheckoutSession>;
  readonly subscriptions: CustomersOwn<Subscription>;
  readonly invoices: CustomersOwn<Invoice>;
  readonly events: Collection<Event>;
  readonly destinations: Collection<EventDestination>;
  readonly thinEvents: Collection<ThinEvent>;
  readonly replays: Collection<Replay>;
  readonly deliveries: Collection<Delivery>;
  /** A new id with Stripe's prefix, unique over restarts. */
  id(prefix: string): string;
  close(): void;
};

/** Opens the state in an SQLite file, or in memory only. */
export function openState(file?: string): State {
  const database = file === undefined ? undefined : new Database(file, { create: true });
  database?.run('PRAGMA journal_mode = WAL');
  database?.run(
    'CREATE TABLE IF NOT EXISTS objects (kind TEXT, id TEXT, place INTEGER, body TEXT, PRIMARY KEY (kind, id))',
  );
  // Two states never name two things alike, as no two Stripe accounts do.
  const account = crypto.randomUUID().slice(0, 8);
  let sequence = database === undefined ? 0 : lastPlace(database);

  const collection = <T extends { readonly id: string }>(kind: string): Collection<T> => {
    const objects = new Map<string, T>();
    const places = new Map<string, number>();
    const rows = database
      ?.query<{ id: string; place: number; body: string }, [string]>(
        'SELECT id, place, body FROM objects WHERE kind = ? ORDER BY place',
      )
      .all(kind);
    for (const { id, place, body } of rows ?? []) {
      objects.set(id, JSON.parse(body));
      places.set(id, place);
    }
    const write = database?.query('INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?)');
    const erase = database?.query('DELETE FROM objects WHERE kind = ? AND id = ?');
    return {
      get: (id) => objects.get(id),
      put(object) {
        const place = places.get(object.id) ?? (sequence += 1);
        places.set(object.id, place);
        objects.set(object.id, object);
        write?.run(kind, object.id, place, JSON.stringify(object));
        return object;
      },
      remove(id) {
        objects.delete(id);
        places.delete(id);
        erase?.run(kind, id);
      },
      all: () => [...objects.values()],
    };
  };

  const customersOwn = <T extends { readonly id: string }>(
    kind: string,
    customerOf: (object: T) => string,
  ): CustomersOwn<T> => {
    const objects = collection<T>(kind);
    const owned = new Map<string, Set<string>>();
    const own = (object: T): void => {
      const customer = customerOf(object);
      const ids = owned.get(customer) ?? new Set();
      owned.set(customer, ids.add(object.id));
    };
    for (const object of objects.all()) own(object);
    return {
      ...objects,
      put(object) {
        own(object);
        return objects.put(object);
      },
      of: (customer) =>
        [...(owned.get(customer) ?? [])].flatMap((id) => {
          const object = objects.get(id);
          return object === undefined ? [] : [object];
        }),
    };
  };

  return {
    customers: collection('customer'),
    products: collection('product'),
    prices: collection('price'),
    meters: collection('meter'),
    meterEvents: customersOwn('meter_event', ({ payload }) => payload['stripe_customer_id'] ?? ''),
    endpoints: collection('webhook_endpoint'),
    sessions: collection('session'),
    subscriptions: customersOwn('subscription', ({ customer }) => customer),
    invoices: customersOwn('invoice', ({ customer }) => customer),
    events: collection('event'),
    destinations: collection('event_destination'),
    thinEvents: collection('thin_event'),
    replays: collection('replay'),
    deliveries: collection('delivery'),
    id: (prefix) => `${prefix}_${account}${(sequence += 1).toString(36).padStart(10, '0')}`,
    close: () => database?.close(),
  };
}

function lastPlace(database: Database): number {
  const row = database.query<{ last: number | null }, []>('SELECT MAX(place) AS last FROM objects').get();
  // Ids take places that no object was stored under; a restart skips past them.
  return (row?.last ?? 0) + 1000;
}
