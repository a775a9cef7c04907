import { attribute, withAttribute, type AttributeValue, type Item } from '../values.ts';
import type { Path } from './ast.ts';

type Rest = readonly (string | number)[];

/** The value at a document path, or undefined. */
export function valueAt(item: Item, [first, ...rest]: Path): AttributeValue | undefined {
  let value = attribute(item, first);
  for (const part of rest) {
    if (value === undefined) return undefined;
    value = child(value, part);
  }
  return value;
}

function child(value: AttributeValue, part: string | number): AttributeValue | undefined {
  if (typeof part === 'number') return 'L' in value ? value.L[part] : undefined;
  return 'M' in value ? attribute(value.M, part) : undefined;
}

/**
 * The item with a value put at a path; a list index past the end appends.
 * Undefined if the path's parent does not exist or has another type.
 */
export function putAt(item: Item, [first, ...rest]: Path, value: AttributeValue): Item | undefined {
  const current = attribute(item, first);
  const next = rest.length === 0 ? value : current && putInside(current, rest, value);
  return next && withAttribute(item, first, next);
}

function putInside(container: AttributeValue, path: Rest, value: AttributeValue): AttributeValue | undefined {
  const [part, ...rest] = path;
  if (part === undefined) return value;
  const current = child(container, part);
  const next = rest.length === 0 ? value : current && putInside(current, rest, value);
  if (next === undefined) return undefined;
  if (typeof part === 'string')
    return 'M' in container ? { M: withAttribute(container.M, part, next) } : undefined;
  if (!('L' in container)) return undefined;
  return { L: part < container.L.length ? container.L.with(part, next) : [...container.L, next] };
}

/**
 * The item without the value at a path; nothing there is no error.
 * Undefined if the path's parent does not exist or has another type.
 */
export function removeAt(item: Item, [first, ...rest]: Path): Item | undefined {
  if (rest.length === 0) return without(item, first);
  const current = attribute(item, first);
  const next = current && removeInside(current, rest);
  return next && withAttribute(item, first, next);
}

function removeInside(container: AttributeValue, path: Rest): AttributeValue | undefined {
  const [part, ...rest] = path;
  if (part === undefined) return undefined;
  if (typeof part === 'string' ? !('M' in container) : !('L' in container)) return undefined;
  if (rest.length > 0) {
    const current = child(container, part);
    const next = current && removeInside(current, rest);
    return next && putInside(container, [part], next);
  }
  if ('L' in container) return { L: container.L.filter((_, index) => index !== part) };
  return 'M' in container && typeof part === 'string' ? { M: without(container.M, part) } : undefined;
}

const without = (item: Item, name: string): Item =>
  Object.fromEntries(Object.entries(item).filter(([key]) => key !== name));

/** A tree of wanted parts; a node without children is wanted whole. */
type Wanted = Map<string | number, Wanted>;

/** The parts of an item that the paths name, nested as in the item; list elements keep their order. */
export function project(item: Item, paths: readonly Path[]): Item {
  const wanted: Wanted = new Map();
  for (const path of paths) {
    let node = wanted;
    for (const part of path) {
      const next: Wanted = node.get(part) ?? new Map();
      node.set(part, next);
      node = next;
    }
  }
  return pickNames(item, wanted);
}

function pick(value: AttributeValue, wanted: Wanted): AttributeValue | undefined {
  if (wanted.size === 0) return value;
  if ('M' in value) {
    const picked = pickNames(value.M, wanted);
    return Object.keys(picked).length > 0 ? { M: picked } : undefined;
  }
  if (!('L' in value)) return undefined;
  const elements = value.L.flatMap((element, index) => {
    const node = wanted.get(index);
    return (node && pick(element, node)) ?? [];
  });
  return elements.length > 0 ? { L: elements } : undefined;
}

function pickNames(item: Item, wanted: Wanted): Item {
  const entries = Object.entries(item).flatMap(([name, value]) => {
    const node = wanted.get(name);
    const picked = node && pick(value, node);
    return picked === undefined ? [] : [[name, picked] as const];
  });
  return Object.fromEntries(entries);
}

/** Document paths in the notation of DynamoDB's messages: `[a, b, [0]]`. */
export const describePath = (path: Path): string =>
  `[${path.map((part) => (typeof part === 'number' ? `[${part}]` : part)).join(', ')}]`;

/**
 * How two paths of one expression get in each other's way: one contains the other (`overlap`), or they
 * treat the same value as a map and as a list (`conflict`).
 */
export function pathClash(left: Path, right: Path): 'overlap' | 'conflict' | undefined {
  const shared = Math.min(left.length, right.length);
  for (let index = 0; index < shared; index += 1) {
    if (left[index] === right[index]) continue;
    return typeof left[index] === typeof right[index] ? undefined : 'conflict';
  }
  return 'overlap';
}
