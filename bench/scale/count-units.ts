import { type } from 'arktype';
import type { Store } from '../../shared/store/store.ts';

/** Request units that DynamoDB says a piece of work took. */
export type Units = { readonly read: number; readonly write: number };

const READS = new Set(['GetItemCommand', 'QueryCommand', 'ScanCommand', 'BatchGetItemCommand']);

const Capacity = type({ CapacityUnits: 'number' });
const Answer = type({ 'ConsumedCapacity?': Capacity.or(Capacity.array()).or('undefined') });

/** Asks for the consumed capacity of every call that this store's client makes meanwhile. */
export async function countUnits(store: Store, work: () => Promise<unknown>): Promise<Units> {
  const units = { read: 0, write: 0 };
  const name = 'countUnits';
  store.client.middlewareStack.add(
    (next, context) => async (args) => {
      const asked = { ...args, input: { ...args.input, ReturnConsumedCapacity: 'TOTAL' } };
      const result = await next(asked);
      const { ConsumedCapacity: consumed } = Answer.assert(result.output);
      const total = [consumed ?? []].flat().reduce((sum, { CapacityUnits }) => sum + CapacityUnits, 0);
      units[READS.has(context.commandName ?? '') ? 'read' : 'write'] += total;
      return result;
    },
    { step: 'initialize', name },
  );
  try {
    await work();
    return units;
  } finally {
    store.client.middlewareStack.remove(name);
  }
}
