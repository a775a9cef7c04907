import type { Cell, Figure, Point } from '../model.ts';

/** The value below which `share` (0 to 1) of the samples lie: the nearest rank. Throws RangeError without samples. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  if (value === undefined) throw new RangeError('no samples');
  return value;
}

/** The middle value; of an even number the mean of the middle two. Throws RangeError without samples. */
export function median(samples: readonly number[]): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.ceil(sorted.length / 2) - 1];
  if (upper === undefined || lower === undefined) throw new RangeError('no samples');
  return (upper + lower) / 2;
}

/** One figure of several rounds. Throws RangeError without values. */
export const figureOf = (values: readonly number[], unit: string): Figure => ({
  median: median(values),
  low: Math.min(...values),
  high: Math.max(...values),
  unit,
});

/** The exponent b of y ~ x^b, by least squares on the logarithms. Throws RangeError for fewer than two points. */
export function fittedExponent(points: readonly Point[]): number {
  const logs = points.map(({ x, y }) => ({ x: Math.log(x), y: Math.log(y) }));
  if (logs.length < 2) throw new RangeError('an exponent needs two points');
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  const centreX = mean(logs.map(({ x }) => x));
  const centreY = mean(logs.map(({ y }) => y));
  const covariance = logs.reduce((sum, { x, y }) => sum + (x - centreX) * (y - centreY), 0);
  const variance = logs.reduce((sum, { x }) => sum + (x - centreX) ** 2, 0);
  return covariance / variance;
}

/** Three significant digits, thousands apart: 0.0123, 4.56, 1,230. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (Number.isInteger(value)) return value.toLocaleString('en-US');
  const digits = Math.abs(value) >= 100 ? 0 : 2 - Math.floor(Math.log10(Math.abs(value)));
  return value.toLocaleString('en-US', {
    minimumFractionDigits: 0,
    maximumFractionDigits: Math.max(0, Math.min(digits, 6)),
  });
}

/** `4.56 ms (4.1 to 5)`; without the spread where there was one round. */
function formatFigure({ median: middle, low, high, unit }: Figure): string {
  const spread = low === high ? '' : ` (${formatNumber(low)} to ${formatNumber(high)})`;
  return `${formatNumber(middle)}${unit === '' ? '' : ` ${unit}`}${spread}`;
}

export function formatCell(cell: Cell): string {
  if (typeof cell === 'string') return cell;
  return typeof cell === 'number' ? formatNumber(cell) : formatFigure(cell);
}

/** Cells that are compared by their size stand at the right. */
export const isNumeric = (cell: Cell): boolean => typeof cell !== 'string';
