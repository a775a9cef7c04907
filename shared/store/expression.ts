import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { toItem } from './store.ts';

/**
 * A write in words: what to set, add and remove, and under which condition. In `condition` and `setTo`,
 * `#name` stands for the attribute `name` and `:name` for `values.name`.
 */
export type Change = {
  readonly set?: Readonly<Record<string, unknown>>;
  /** Attributes set to an expression, for example `{ limit: 'if_not_exists(#limit, :limit)' }`. */
  readonly setTo?: Readonly<Record<string, string>>;
  readonly add?: Readonly<Record<string, number>>;
  readonly remove?: readonly string[];
  readonly condition?: string;
  readonly values?: Readonly<Record<string, unknown>>;
};

export type WriteExpression = {
  UpdateExpression?: string;
  ConditionExpression?: string;
  ExpressionAttributeNames?: Record<string, string>;
  ExpressionAttributeValues?: Record<string, AttributeValue>;
};

/** Turns a Change into DynamoDB's expressions. Undefined values in `set` are left out. */
export function writeExpression(change: Change): WriteExpression {
  const values: Record<string, unknown> = { ...change.values };
  const sets: string[] = [];
  for (const [name, value] of Object.entries(change.set ?? {})) {
    if (value === undefined) continue;
    sets.push(`#${name} = :set_${name}`);
    values[`set_${name}`] = value;
  }
  for (const [name, expression] of Object.entries(change.setTo ?? {})) sets.push(`#${name} = ${expression}`);
  const adds = Object.entries(change.add ?? {}).map(([name, amount]) => {
    values[`add_${name}`] = amount;
    return `#${name} :add_${name}`;
  });
  const clauses = [
    sets.length > 0 ? `SET ${sets.join(', ')}` : '',
    adds.length > 0 ? `ADD ${adds.join(', ')}` : '',
    change.remove?.length ? `REMOVE ${change.remove.map((name) => `#${name}`).join(', ')}` : '',
  ].filter((clause) => clause !== '');
  const update = clauses.join(' ');
  const names = Object.fromEntries(
    [...`${update} ${change.condition ?? ''}`.matchAll(/#(\w+)/g)].map(([token, name = '']) => [token, name]),
  );
  const item = toItem(values);
  return {
    ...(update === '' ? {} : { UpdateExpression: update }),
    ...(change.condition === undefined ? {} : { ConditionExpression: change.condition }),
    ...(Object.keys(names).length > 0 ? { ExpressionAttributeNames: names } : {}),
    ...(Object.keys(item).length > 0
      ? {
          ExpressionAttributeValues: Object.fromEntries(
            Object.entries(item).map(([name, value]) => [`:${name}`, value]),
          ),
        }
      : {}),
  };
}
