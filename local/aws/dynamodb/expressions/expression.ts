import { AwsError } from '../../errors.ts';
import { text, type Input } from '../parameters.ts';
import { validationError } from '../validation.ts';
import { checkUpdate } from './apply-update.ts';
import type { BoundCondition, BoundUpdate, Condition, Path, Update } from './ast.ts';
import { bindCondition, bindPath, bindUpdate, type Placeholders } from './bind.ts';
import { checkCondition } from './check-condition.ts';
import { parseCondition } from './parse-condition.ts';
import { parseProjection } from './parse-projection.ts';
import { parseUpdate } from './parse-update.ts';
import { describePath, pathClash } from './paths.ts';

const CACHE_ENTRIES = 1000;

/** Remembers what a parser made of a text; the oldest entry leaves first. */
function cached<T>(parse: (source: string) => T): (source: string) => T {
  const cache = new Map<string, T>();
  return (source) => {
    const known = cache.get(source);
    if (known !== undefined) return known;
    const parsed = parse(source);
    const [oldest] = cache.keys();
    if (cache.size >= CACHE_ENTRIES && oldest !== undefined) cache.delete(oldest);
    cache.set(source, parsed);
    return parsed;
  };
}

const conditions = cached<Condition<string>>(parseCondition);
const updates = cached<Update<string>>(parseUpdate);
const projections = cached<readonly Path[]>(parseProjection);

type ConditionParameter = 'ConditionExpression' | 'FilterExpression' | 'KeyConditionExpression';

/** A condition parameter, parsed, bound and checked. */
export function readCondition(
  input: Input,
  parameter: ConditionParameter,
  placeholders: Placeholders,
): BoundCondition | undefined {
  return read(input, parameter, (source) => {
    const bound = bindCondition(conditions(source), placeholders);
    checkCondition(bound);
    return bound;
  });
}

/** The UpdateExpression, parsed, bound and checked. */
export function readUpdate(input: Input, placeholders: Placeholders): BoundUpdate | undefined {
  return read(input, 'UpdateExpression', (source) => {
    const bound = bindUpdate(updates(source), placeholders);
    checkUpdate(bound);
    return bound;
  });
}

/** The ProjectionExpression's document paths. */
export function readProjection(input: Input, placeholders: Placeholders): readonly Path[] | undefined {
  return read(input, 'ProjectionExpression', (source) => {
    const paths = projections(source).map((path) => bindPath(path, placeholders));
    paths.forEach((right, index) => {
      for (const left of paths.slice(0, index)) {
        const clash = pathClash(left, right);
        if (clash !== undefined) {
          throw validationError(
            `Two document paths ${clash} with each other; must remove or rewrite one of these paths; path one: ${describePath(left)}, path two: ${describePath(right)}`,
          );
        }
      }
    });
    return paths;
  });
}

/** Reads one expression parameter; its errors begin as DynamoDB's do: `Invalid <parameter>: `. */
function read<T>(input: Input, parameter: string, parse: (source: string) => T): T | undefined {
  const source = text(input, parameter);
  if (source === undefined) return undefined;
  try {
    return parse(source);
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    throw validationError(`Invalid ${parameter}: ${error.message}`);
  }
}
