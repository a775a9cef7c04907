/** One permission's worth of a call: what IAM is asked about, and on what. */
export type Use = {
  readonly operation: string;
  /** A table, `table/index/name`, a queue, a secret, or `bucket/key prefix`. */
  readonly resource: string;
};

/** What IAM asks for the parts of a transaction: each is judged as the call that it stands for. */
const PARTS: Readonly<Record<string, string>> = {
  ConditionCheck: 'ConditionCheckItem',
  Delete: 'DeleteItem',
  Put: 'PutItem',
  Update: 'UpdateItem',
};

/**
 * What a call uses, as IAM sees it: the parts of a transaction, an index instead of its table, and any other call
 * as itself on each of its resources.
 */
export function usesOf(operation: string, input: unknown, resources: readonly string[]): Use[] {
  const items = memberOf(input, 'TransactItems');
  if (Array.isArray(items)) return items.flatMap(usesOfPart);
  const index = memberOf(input, 'IndexName');
  const suffix = typeof index === 'string' ? `/index/${index}` : '';
  return resources.map((resource) => ({ operation, resource: `${resource}${suffix}` }));
}

function usesOfPart(item: unknown): Use[] {
  return Object.entries(PARTS).flatMap(([part, operation]) => {
    const table = memberOf(memberOf(item, part), 'TableName');
    return typeof table === 'string' ? [{ operation, resource: table }] : [];
  });
}

const memberOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? Object.entries(value).find(([key]) => key === name)?.[1]
    : undefined;
