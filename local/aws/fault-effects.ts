import { AwsError } from './errors.ts';
import type { Exchange } from './exchange.ts';
import type { Fault } from './faults.ts';
import type { DeliveryFault } from './service.ts';
import type { ServiceName, Verified } from './sigv4.ts';

/** The answer of a call that a fault struck; undefined means: close the connection without one. */
export async function runWithFault(
  exchange: Exchange,
  verified: Verified,
  fault: Fault,
): Promise<Response | undefined> {
  switch (fault.kind) {
    case 'throttle':
      throw THROTTLED[exchange.service]();
    case 'outage':
      throw new AwsError('ServiceUnavailable', 'Injected fault: the service is down.', 503);
    case 'error_before':
      throw injected(fault.code, fault.status);
    case 'error_after':
      await exchange.run(verified);
      throw injected(fault.code, fault.status);
    case 'drop_request':
      return undefined;
    case 'drop_reply':
      await exchange.run(verified);
      return undefined;
    case 'hang':
      await Bun.sleep(fault.ms);
      return undefined;
    case 'delay':
      await Bun.sleep(fault.ms);
      return exchange.run(verified);
    case 'conflict':
      throw transactionConflict(exchange.input);
    case 'unprocessed':
      return runHalf(exchange, verified);
    case 'duplicate_delivery':
    case 'late_delivery':
    case 'lost_message':
      return exchange.run(verified, { delivery: deliveryOf(fault) });
  }
}

type DeliveryKind = 'duplicate_delivery' | 'late_delivery' | 'lost_message';

function deliveryOf(fault: Extract<Fault, { kind: DeliveryKind }>): DeliveryFault {
  switch (fault.kind) {
    case 'duplicate_delivery':
      return { copies: fault.copies };
    case 'late_delivery':
      return { lateMs: fault.ms };
    case 'lost_message':
      return { lost: true };
  }
}

const injected = (code: string, status: number): AwsError =>
  new AwsError(code, `Injected fault: ${code}.`, status);

const THROTTLED: Record<ServiceName, () => AwsError> = {
  dynamodb: () => new AwsError('ThrottlingException', 'Injected fault: throttled.'),
  sqs: () => new AwsError('RequestThrottled', 'Injected fault: throttled.', 403),
  secretsmanager: () => new AwsError('ThrottlingException', 'Injected fault: throttled.'),
  ecs: () => new AwsError('ThrottlingException', 'Injected fault: throttled.'),
  s3: () => new AwsError('SlowDown', 'Injected fault: please reduce your request rate.', 503),
};

function transactionConflict(input: Record<string, unknown>): AwsError {
  const items = Array.isArray(input['TransactItems']) ? input['TransactItems'] : [];
  const reasons = items.map(() => ({
    Code: 'TransactionConflict',
    Message: 'Transaction is ongoing for the item',
  }));
  const codes = reasons.map(({ Code }) => Code).join(', ');
  return new AwsError(
    'TransactionCanceledException',
    `Transaction cancelled, please refer cancellation reasons for specific reasons [${codes}]`,
    400,
    { CancellationReasons: reasons },
  );
}

/** Runs the first half (rounded down) of a batch and reports the rest as unprocessed, in DynamoDB's shape. */
async function runHalf(exchange: Exchange, verified: Verified): Promise<Response> {
  const reads = exchange.operation === 'BatchGetItem';
  const entries = flatten(exchange.input['RequestItems']);
  const kept = Math.floor(entries.length / 2);
  const rest = regroup(entries.slice(kept));
  const leftover = reads ? { UnprocessedKeys: rest } : { UnprocessedItems: rest };
  if (kept === 0) return exchange.answer(reads ? { Responses: {}, ...leftover } : leftover);
  const input = { ...exchange.input, RequestItems: regroup(entries.slice(0, kept)) };
  const output: unknown = await (await exchange.run(verified, { input })).json();
  return exchange.answer({ ...(isObject(output) ? output : {}), ...leftover });
}

/** One write request, or one key with the options of its table. */
type BatchEntry = { readonly table: string; readonly item: unknown; readonly options?: object };

function flatten(requestItems: unknown): BatchEntry[] {
  if (!isObject(requestItems)) return [];
  return Object.entries(requestItems).flatMap(([table, value]): BatchEntry[] => {
    if (Array.isArray(value)) return value.map((item: unknown) => ({ table, item }));
    if (!isObject(value) || !Array.isArray(value['Keys'])) return [];
    const { Keys, ...options } = value;
    return Keys.map((item: unknown) => ({ table, item, options }));
  });
}

function regroup(entries: readonly BatchEntry[]): Record<string, unknown> {
  const tables = Map.groupBy(entries, ({ table }) => table);
  return Object.fromEntries(
    [...tables].map(([table, group]) => {
      const items = group.map(({ item }) => item);
      const options = group[0]?.options;
      return [table, options === undefined ? items : { ...options, Keys: items }];
    }),
  );
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
