import { digitsOf, parseNumber } from './numbers.ts';
import { setElements, type AttributeValue, type Item } from './values.ts';

/** The most bytes an item may have, names and values together. */
export const MAX_ITEM_BYTES = 400 * 1024;

const CONTAINER_OVERHEAD = 3;

/**
 * An item's size in bytes by DynamoDB's published rules.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
 */
export function itemSize(item: Item): number {
  let total = 0;
  for (const name in item) {
    const value = item[name];
    if (value !== undefined) total += Buffer.byteLength(name) + valueSize(value);
  }
  return total;
}

/** A value's size in bytes, without its name. */
export function valueSize(value: AttributeValue): number {
  if ('S' in value) return Buffer.byteLength(value.S);
  if ('N' in value) return numberSize(value.N);
  if ('B' in value) return Buffer.byteLength(value.B, 'base64');
  if ('L' in value) {
    return value.L.reduce((total, element) => total + 1 + valueSize(element), CONTAINER_OVERHEAD);
  }
  if ('M' in value) return CONTAINER_OVERHEAD + Object.keys(value.M).length + itemSize(value.M);
  if ('NS' in value) return value.NS.reduce((total, element) => total + numberSize(element), 0);
  if ('BS' in value) {
    return value.BS.reduce((total, element) => total + Buffer.byteLength(element, 'base64'), 0);
  }
  return setElements(value)?.reduce((total, element) => total + Buffer.byteLength(element), 0) ?? 1;
}

function numberSize(text: string): number {
  const { coefficient } = parseNumber(text);
  if (coefficient === 0n) return 1;
  return Math.ceil(digitsOf(coefficient).length / 2) + (coefficient < 0n ? 2 : 1);
}
