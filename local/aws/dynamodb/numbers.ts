import { validationError } from './validation.ts';

/** An exact decimal: coefficient * 10^exponent. The coefficient has no trailing zeros; zero is 0 * 10^0. */
export type Decimal = { readonly coefficient: bigint; readonly exponent: number };

const NUMBER = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/;
const PLAIN_INTEGER = /^(?:0|-?[1-9]\d{0,14})$/;
// DynamoDB's range: magnitudes from 1E-130 to 9.99...E+125, at most 38 significant digits.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
const MAX_DIGITS = 38;
const MAX_MAGNITUDE = 125;
const MIN_MAGNITUDE = -130;

/** The power of ten of the first digit: 2 for 123, -1 for 0.5. Undefined for zero. */
export function magnitude({ coefficient, exponent }: Decimal): number | undefined {
  return coefficient === 0n ? undefined : digitsOf(coefficient).length - 1 + exponent;
}

/** The significant digits, without sign. */
export const digitsOf = (coefficient: bigint): string =>
  (coefficient < 0n ? -coefficient : coefficient).toString();

/** Parses a number as DynamoDB does; throws ValidationException outside its syntax, range or precision. */
export function parseNumber(text: string): Decimal {
  const match = NUMBER.exec(text);
  const whole = match?.[2] ?? '';
  const fraction = match?.[3] ?? '';
  if (match === null || whole + fraction === '') {
    throw validationError(`The parameter cannot be converted to a numeric value: ${text}`);
  }
  const significant = (whole + fraction).replace(/^0+/, '');
  const stripped = significant.replace(/0+$/, '');
  if (stripped === '') return { coefficient: 0n, exponent: 0 };
  const exponent = Number(match[4] ?? 0) - fraction.length + (significant.length - stripped.length);
  checkRange(stripped.length, exponent);
  const coefficient = BigInt(stripped);
  return { coefficient: match[1] === '-' ? -coefficient : coefficient, exponent };
}

function checkRange(digits: number, exponent: number): void {
  const power = digits - 1 + exponent;
  if (power > MAX_MAGNITUDE) {
    throw validationError(
      'Number overflow. Attempting to store a number with magnitude larger than supported range',
    );
  }
  if (power < MIN_MAGNITUDE) {
    throw validationError(
      'Number underflow. Attempting to store a number with magnitude smaller than supported range',
    );
  }
  if (digits > MAX_DIGITS) {
    throw validationError('Attempting to store more than 38 significant digits in a Number');
  }
}

/** Writes a number as DynamoDB answers it: plain digits, no exponent, no superfluous zeros. */
function formatNumber({ coefficient, exponent }: Decimal): string {
  const sign = coefficient < 0n ? '-' : '';
  const digits = digitsOf(coefficient);
  if (exponent >= 0) return sign + digits + '0'.repeat(exponent);
  const padded = digits.padStart(1 - exponent, '0');
  return `${sign}${padded.slice(0, exponent)}.${padded.slice(exponent)}`;
}

/** A number's one canonical text. Throws ValidationException like parseNumber. */
export const normalizeNumber = (text: string): string =>
  PLAIN_INTEGER.test(text) ? text : formatNumber(parseNumber(text));

/** left + right, exactly; throws ValidationException where the sum does not fit a DynamoDB number. */
export const addNumbers = (left: string, right: string): string => sum(left, right, 1n);

/** left - right, exactly; throws ValidationException where the difference does not fit. */
export const subtractNumbers = (left: string, right: string): string => sum(left, right, -1n);

function sum(left: string, right: string, sign: 1n | -1n): string {
  const [a, b, exponent] = align(parseNumber(left), parseNumber(right));
  return normalizeNumber(formatNumber({ coefficient: a + sign * b, exponent }));
}

/** Negative, zero or positive as left is less than, equal to or greater than right. */
export function compareNumbers(left: string, right: string): number {
  const [a, b] = align(parseNumber(left), parseNumber(right));
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function align(left: Decimal, right: Decimal): [bigint, bigint, number] {
  const exponent = Math.min(left.exponent, right.exponent);
  return [scale(left, exponent), scale(right, exponent), exponent];
}

const scale = ({ coefficient, exponent }: Decimal, target: number): bigint =>
  coefficient * 10n ** BigInt(exponent - target);
