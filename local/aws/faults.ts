import type { ServiceName } from './sigv4.ts';

/** What goes wrong. `before` kinds have no effect on the service; `after` kinds are committed first. */
export type Fault =
  | { readonly kind: 'throttle' }
  | { readonly kind: 'error_before' | 'error_after'; readonly status: number; readonly code: string }
  | { readonly kind: 'drop_request' | 'drop_reply' }
  /** No answer for `ms`, then the connection closes; no effect. */
  | { readonly kind: 'hang'; readonly ms: number }
  /** The call happens, `ms` later. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** DynamoDB transactions: cancelled, every item with TransactionConflict. */
  | { readonly kind: 'conflict' }
  /** DynamoDB batches: the later half of the entries comes back unprocessed. */
  | { readonly kind: 'unprocessed' }
  /** SQS SendMessage(Batch) and ReceiveMessage: each message is delivered `copies` times in all. */
  | { readonly kind: 'duplicate_delivery'; readonly copies: number }
  /** SQS SendMessage(Batch): delivered `ms` late. */
  | { readonly kind: 'late_delivery'; readonly ms: number }
  /** SQS SendMessage(Batch): acknowledged and gone. */
  | { readonly kind: 'lost_message' }
  | { readonly kind: 'outage' };

export type FaultRule = {
  readonly service: ServiceName;
  /** Any operation when absent. */
  readonly operation?: string;
  /** Only calls whose path or body holds this text. */
  readonly match?: string;
  /** 0..1, 1 when absent; drawn from a generator seeded by `seed` (0 when absent). */
  readonly probability?: number;
  readonly seed?: number;
  /** How often it strikes at most. */
  readonly times?: number;
  /** How many matching calls pass first. */
  readonly skip?: number;
  readonly fault: Fault;
};

export type FaultReport = FaultRule & { readonly seen: number; readonly hits: number };

type Subject = {
  readonly service: ServiceName;
  readonly operation: string;
  readonly path: string;
  readonly body: Uint8Array;
};

export type Faults = {
  /** Replaces all rules. Throws TypeError naming the first rule that is not one. */
  set(rules: unknown): void;
  list(): readonly FaultReport[];
  clear(): void;
  /** The fault of the first rule that strikes this call, if any. */
  pick(subject: Subject): Fault | undefined;
};

type Entry = { readonly rule: FaultRule; readonly draw: () => number; seen: number; hits: number };

/** The rules of a running server. With the same seeds and the same calls, the same calls are struck. */
export function createFaults(): Faults {
  let entries: Entry[] = [];
  return {
    set(rules) {
      if (!Array.isArray(rules)) throw new TypeError('rules: not a list');
      entries = rules.map((rule: unknown, index) => {
        const parsed = parseRule(rule, index);
        return { rule: parsed, draw: generator(parsed.seed ?? 0), seen: 0, hits: 0 };
      });
    },
    list: () => entries.map(({ rule, seen, hits }) => ({ ...rule, seen, hits })),
    clear() {
      entries = [];
    },
    pick(subject) {
      const struck = entries.find((entry) => strikes(entry, subject));
      return struck?.rule.fault;
    },
  };
}

function strikes(entry: Entry, subject: Subject): boolean {
  const { rule } = entry;
  if (rule.service !== subject.service || !fits(rule.fault, subject.operation)) return false;
  if (rule.operation !== undefined && rule.operation !== subject.operation) return false;
  if (rule.match !== undefined && !contains(subject, rule.match)) return false;
  entry.seen += 1;
  if (entry.seen <= (rule.skip ?? 0) || entry.hits >= (rule.times ?? Number.POSITIVE_INFINITY)) return false;
  if (rule.probability !== undefined && entry.draw() >= rule.probability) return false;
  entry.hits += 1;
  return true;
}

function contains({ path, body }: Subject, text: string): boolean {
  return path.includes(text) || Buffer.from(body.buffer, body.byteOffset, body.byteLength).includes(text);
}

const SENDS = ['SendMessage', 'SendMessageBatch'];

/** Kinds that make sense for some operations only; every other kind fits every operation. */
const ONLY_FOR: Partial<Record<Fault['kind'], readonly string[]>> = {
  conflict: ['TransactWriteItems', 'TransactGetItems'],
  unprocessed: ['BatchWriteItem', 'BatchGetItem'],
  duplicate_delivery: [...SENDS, 'ReceiveMessage'],
  late_delivery: SENDS,
  lost_message: SENDS,
};

function fits(fault: Fault, operation: string): boolean {
  return ONLY_FOR[fault.kind]?.includes(operation) ?? true;
}

const SERVICES: readonly string[] = [
  'dynamodb',
  'sqs',
  's3',
  'secretsmanager',
  'ecs',
] satisfies ServiceName[];

/** The members each kind needs, and their type. */
const MEMBERS: Record<Fault['kind'], Record<string, 'number' | 'string'>> = {
  throttle: {},
  error_before: { status: 'number', code: 'string' },
  error_after: { status: 'number', code: 'string' },
  drop_request: {},
  drop_reply: {},
  hang: { ms: 'number' },
  delay: { ms: 'number' },
  conflict: {},
  unprocessed: {},
  duplicate_delivery: { copies: 'number' },
  late_delivery: { ms: 'number' },
  lost_message: {},
  outage: {},
};

const RULE_MEMBERS: Record<string, 'number' | 'string'> = {
  operation: 'string',
  match: 'string',
  probability: 'number',
  seed: 'number',
  times: 'number',
  skip: 'number',
};

function parseRule(rule: unknown, index: number): FaultRule {
  if (!isRule(rule)) throw new TypeError(`rules[${index}] is not a fault rule: ${JSON.stringify(rule)}`);
  return rule;
}

function isRule(rule: unknown): rule is FaultRule {
  if (!isObject(rule) || !SERVICES.includes(String(rule['service']))) return false;
  const { service: _, fault, ...rest } = rule;
  const fieldsAreRight = Object.entries(rest).every(([name, value]) => typeof value === RULE_MEMBERS[name]);
  return fieldsAreRight && isFault(fault);
}

function isFault(fault: unknown): fault is Fault {
  if (!isObject(fault)) return false;
  const { kind, ...rest } = fault;
  const members = Object.entries(MEMBERS).find(([name]) => name === kind)?.[1];
  if (members === undefined) return false;
  const names = Object.keys(members);
  return (
    Object.keys(rest).every((name) => names.includes(name)) &&
    names.every((name) => typeof rest[name] === members[name])
  );
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** mulberry32: a small seeded generator of numbers in [0, 1). */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
