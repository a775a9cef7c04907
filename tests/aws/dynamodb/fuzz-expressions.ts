import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { anyValue, keyValue, numberValue, type Random } from './fuzz-random.ts';
import type { FuzzIndex, FuzzTable } from './fuzz-tables.ts';

/** Placeholders that the expressions of one request share. */
export type Scope = { names: Record<string, string>; values: Record<string, AttributeValue> };

export const newScope = (): Scope => ({ names: {}, values: {} });

/** The scope as request parameters, absent where empty. */
export const scopeInput = ({ names, values }: Scope) => ({
  ...(Object.keys(names).length > 0 && { ExpressionAttributeNames: names }),
  ...(Object.keys(values).length > 0 && { ExpressionAttributeValues: values }),
});

const ATTRIBUTES = ['a', 'b', 'c', 'l', 'm', 's', 'n', 'g'];

function value(scope: Scope, given: AttributeValue): string {
  const key = `:v${Object.keys(scope.values).length}`;
  scope.values[key] = given;
  return key;
}

function name(random: Random, scope: Scope, attribute: string): string {
  if (random.chance(0.6)) return attribute;
  const key = `#${attribute}`;
  scope.names[key] = attribute;
  return key;
}

/** A document path over the attributes that the generator writes. */
export function path(random: Random, scope: Scope, attributes: readonly string[] = ATTRIBUTES): string {
  const attribute = random.pick(attributes);
  const first = name(random, scope, attribute);
  if (attribute === 'l' && random.chance(0.5)) return `${first}[${random.below(4)}]`;
  if (attribute === 'm' && random.chance(0.6)) {
    const nested = `${first}.${name(random, scope, random.pick(['x', 'y', 'z']))}`;
    return random.chance(0.2) ? `${nested}[${random.below(2)}]` : nested;
  }
  return first;
}

const numberAbove = (random: Random): AttributeValue => ({ N: random.pick(['1', '2', '1e3']) });

/** An operand over other attributes: comparing a path with itself is an error of its own. */
function other(random: Random, scope: Scope, target: string): string {
  if (random.chance(0.75)) return value(scope, anyValue(random, 1));
  const own = target.replace('#', '').charAt(0);
  const drawn = path(
    random,
    scope,
    ATTRIBUTES.filter((attribute) => attribute !== own),
  );
  return random.chance(0.6) ? drawn : `size(${drawn})`;
}

/** An operand that has an order: other types are an error of their own. */
function ordered(random: Random, scope: Scope, target: string): string {
  if (random.chance(0.2)) return `size(${target})`;
  return value(scope, random.chance(0.7) ? numberValue(random) : { S: random.pick(['a', 'b', '']) });
}

/** A condition over any attribute but the keys. */
export function condition(random: Random, scope: Scope, depth = 2): string {
  if (depth > 0 && random.chance(0.35)) {
    const [left, right] = [condition(random, scope, depth - 1), condition(random, scope, depth - 1)];
    return random.pick([
      `${left} AND ${right}`,
      `${left} OR ${right}`,
      `(${left}) AND NOT (${right})`,
      `NOT ${left} OR ${right}`,
    ]);
  }
  const target = path(random, scope);
  switch (random.below(9)) {
    case 0:
      return `attribute_exists(${target})`;
    case 1:
      return `attribute_not_exists(${target})`;
    case 2:
      return `attribute_type(${target}, ${value(scope, { S: random.pick(['S', 'N', 'M', 'L', 'SS', 'BOOL']) })})`;
    case 3:
      return `begins_with(${target}, ${value(scope, { S: random.pick(['', 'a', 'ab']) })})`;
    case 4:
      return `contains(${target}, ${value(scope, anyValue(random, 0))})`;
    case 5:
      return `${target} IN (${random.some(1, 3, () => other(random, scope, target)).join(', ')})`;
    case 6:
      return `${target} BETWEEN ${value(scope, { N: random.pick(['-2', '0']) })} AND ${value(scope, numberAbove(random))}`;
    case 7:
      return `${target} ${random.pick(['<', '<=', '>', '>='])} ${ordered(random, scope, target)}`;
    default:
      return `${target} ${random.pick(['=', '<>'])} ${other(random, scope, target)}`;
  }
}

function assigned(random: Random, scope: Scope): string {
  switch (random.below(6)) {
    case 0:
      return `if_not_exists(${path(random, scope)}, ${value(scope, anyValue(random))})`;
    case 1:
      return `list_append(if_not_exists(l, ${value(scope, { L: [] })}), ${value(scope, { L: random.some(1, 2, () => anyValue(random, 0)) })})`;
    case 2:
      return `${path(random, scope)} ${random.pick(['+', '-'])} ${value(scope, numberValue(random))}`;
    case 3:
      return `if_not_exists(n, ${value(scope, { N: '0' })}) + ${value(scope, numberValue(random))}`;
    case 4:
      return path(random, scope);
    default:
      return value(scope, anyValue(random));
  }
}

/** An update of one to four different attributes by any of the four clauses. */
export function update(random: Random, scope: Scope, nestedRemovals: boolean): string {
  const free = new Set(ATTRIBUTES);
  const target = (attributes: readonly string[] = [...free]): string => {
    const attribute = random.pick(attributes);
    free.delete(attribute);
    return path(random, scope, [attribute]);
  };
  // Elements past the end of a list are in the contract suite: the referee pads where AWS appends.
  const written = (): string => target().replace(/\[\d\]/, '[0]');
  const removal = (): string =>
    nestedRemovals ? target() : target([...free].filter((attribute) => !['l', 'm'].includes(attribute)));
  const clauses: string[] = [];
  if (random.chance(0.8)) {
    const actions = random.some(1, 3, () => `${written()} = ${assigned(random, scope)}`);
    clauses.push(`SET ${actions.join(', ')}`);
  }
  if (random.chance(0.3)) clauses.push(`REMOVE ${random.some(1, 2, () => removal()).join(', ')}`);
  if (random.chance(0.25)) {
    const set = free.has('s') && random.chance(0.5);
    const attribute = set ? target(['s']) : written();
    clauses.push(`ADD ${attribute} ${value(scope, set ? { SS: ['a', 'q'] } : numberValue(random))}`);
  }
  if (free.has('s') && random.chance(0.2)) {
    clauses.push(`DELETE ${target(['s'])} ${value(scope, { SS: ['a', 'ab'] })}`);
  }
  return clauses.length > 0 ? clauses.join(' ') : `SET c = ${value(scope, anyValue(random))}`;
}

/** A key condition of a table or an index. */
export function keyCondition(random: Random, scope: Scope, { hash, range }: FuzzTable | FuzzIndex): string {
  const partition = `${hash.name} = ${value(scope, keyValue(random, hash.type))}`;
  if (range === undefined || random.chance(0.35)) return partition;
  const draw = () => value(scope, keyValue(random, random.chance(0.03) ? 'N' : range.type));
  switch (random.below(4)) {
    case 0:
      return `${partition} AND ${range.name} BETWEEN ${draw()} AND ${draw()}`;
    case 1:
      return range.type === 'S'
        ? `${partition} AND begins_with(${range.name}, ${value(scope, keyValue(random, 'S'))})`
        : `${partition} AND ${range.name} = ${draw()}`;
    default:
      return `${partition} AND ${range.name} ${random.pick(['=', '<', '<=', '>', '>='])} ${draw()}`;
  }
}
