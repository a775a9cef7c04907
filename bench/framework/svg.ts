import type { Plot } from '../model.ts';
import { formatNumber } from './figures.ts';

/** A plot as an SVG document that reads on light and dark pages and prints well. */

const WIDTH = 760;
const HEIGHT = 420;
const MARGIN = { left: 78, right: 44, top: 44, bottom: 58 };
const LEGEND_ROW = 18;
const BAR = 22;
/** Told apart by the colour-blind, too (Okabe and Ito). */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000', '#7f7f7f'];
const MARKS = ['circle', 'square', 'diamond', 'triangle'] as const;

export const svgOf = (plot: Plot): string => (plot.kind === 'bar' ? bars(plot) : lines(plot));

const escape = (raw: string): string =>
  raw.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

const document = (height: number, title: string, body: readonly string[]): string =>
  [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="Helvetica, Arial, sans-serif" font-size="12" role="img" aria-label="${escape(title)}">`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    text(WIDTH / 2, 24, title, { anchor: 'middle', size: 15, weight: 'bold' }),
    ...body,
    '</svg>',
    '',
  ].join('\n');

function text(
  x: number,
  y: number,
  content: string,
  options: { anchor?: 'start' | 'middle' | 'end'; size?: number; weight?: string; turn?: boolean } = {},
): string {
  const { anchor = 'start', size = 12, weight = 'normal', turn = false } = options;
  const turned = turn ? ` transform="rotate(-90 ${round(x)} ${round(y)})"` : '';
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" font-size="${size}" font-weight="${weight}" fill="#222222"${turned}>${escape(content)}</text>`;
}

const round = (value: number): number => Math.round(value * 10) / 10;

const rule = (x1: number, y1: number, x2: number, y2: number, colour: string): string =>
  `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" stroke="${colour}"/>`;

type Scale = { readonly ticks: readonly number[]; readonly at: (value: number) => number };

/** Maps values onto pixels from `start` to `end`; an axis in logarithms ends at whole decades or at 2 and 5 of them. */
function scaleOf(values: readonly number[], log: boolean, start: number, end: number): Scale {
  const ticks = log ? logTicks(values) : linearTicks(values);
  const first = ticks[0] ?? 0;
  const last = ticks.at(-1) ?? 1;
  const map = log ? Math.log : (value: number): number => value;
  const share = (value: number): number => (map(value) - map(first)) / (map(last) - map(first));
  return { ticks: spread(ticks), at: (value) => start + share(value) * (end - start) };
}

const TICKS_MAX = 12;
/** Fewer labels than would touch each other; the ends stay. */
const spread = (ticks: readonly number[]): readonly number[] => {
  const step = Math.ceil(ticks.length / TICKS_MAX);
  return ticks.filter((_, index) => index % step === 0 || index === ticks.length - 1);
};

function logTicks(values: readonly number[]): number[] {
  const low = Math.min(...values);
  const high = Math.max(...values);
  if (!(low > 0)) throw new RangeError('a logarithmic axis needs positive values');
  const wide = Math.log10(high / low) > 2;
  const steps = wide ? [1] : [1, 2, 5];
  const ticks: number[] = [];
  for (let decade = Math.floor(Math.log10(low)); decade <= Math.ceil(Math.log10(high)) + 1; decade += 1) {
    ticks.push(...steps.map((step) => Number(`${step}e${decade}`)));
  }
  const from = Math.max(
    0,
    ticks.findLastIndex((tick) => tick <= low),
  );
  const to = ticks.findIndex((tick, index) => tick >= high && index > from);
  return ticks.slice(from, to + 1);
}

function linearTicks(values: readonly number[]): number[] {
  const low = Math.min(0, ...values);
  const high = Math.max(...values, low + 1e-9);
  const rough = (high - low) / 6;
  const decade = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((factor) => factor * decade >= rough) ?? 10) * decade;
  const first = Math.floor(low / step);
  const last = Math.ceil(high / step);
  return Array.from({ length: last - first + 1 }, (_, index) =>
    Number(((first + index) * step).toPrecision(12)),
  );
}

function lines(plot: Plot): string {
  const legendHeight = plot.series.length * LEGEND_ROW;
  const height = HEIGHT + legendHeight;
  const bottom = HEIGHT - MARGIN.bottom;
  const right = WIDTH - MARGIN.right;
  const points = plot.series.flatMap((series) => series.points);
  if (points.length === 0) throw new RangeError(`the plot ${plot.id} has no points`);
  const x = scaleOf(
    points.map((point) => point.x),
    plot.x.log,
    MARGIN.left,
    right,
  );
  const y = scaleOf(
    points.map((point) => point.y),
    plot.y.log,
    bottom,
    MARGIN.top,
  );
  const body = [
    ...x.ticks.flatMap((tick) => [
      rule(x.at(tick), MARGIN.top, x.at(tick), bottom, '#e3e3e3'),
      text(x.at(tick), bottom + 18, formatNumber(tick), { anchor: 'middle' }),
    ]),
    ...y.ticks.flatMap((tick) => [
      rule(MARGIN.left, y.at(tick), right, y.at(tick), '#e3e3e3'),
      text(MARGIN.left - 8, y.at(tick) + 4, formatNumber(tick), { anchor: 'end' }),
    ]),
    rule(MARGIN.left, bottom, right, bottom, '#222222'),
    rule(MARGIN.left, MARGIN.top, MARGIN.left, bottom, '#222222'),
    text((MARGIN.left + right) / 2, bottom + 40, plot.x.label, { anchor: 'middle' }),
    text(20, (MARGIN.top + bottom) / 2, plot.y.label, { anchor: 'middle', turn: true }),
  ];
  for (const [index, { name, points: own, exponent }] of plot.series.entries()) {
    const colour = COLOURS[index % COLOURS.length] ?? '#000000';
    const places = own.map((point) => ({ x: round(x.at(point.x)), y: round(y.at(point.y)) }));
    body.push(
      `<polyline fill="none" stroke="${colour}" stroke-width="2" points="${places.map((place) => `${place.x},${place.y}`).join(' ')}"/>`,
      ...places.map((place) => mark(index, place.x, place.y, colour)),
    );
    const row = HEIGHT - 4 + index * LEGEND_ROW;
    const fitted = exponent === undefined ? '' : `, grows as x^${exponent.toFixed(2)}`;
    body.push(mark(index, MARGIN.left + 6, row - 4, colour), text(MARGIN.left + 20, row, `${name}${fitted}`));
  }
  return document(height, plot.title, body);
}

function mark(index: number, x: number, y: number, colour: string): string {
  const kind = MARKS[index % MARKS.length];
  if (kind === 'square') return `<rect x="${x - 4}" y="${y - 4}" width="8" height="8" fill="${colour}"/>`;
  if (kind === 'diamond') return `<path d="M${x} ${y - 5}l5 5-5 5-5-5z" fill="${colour}"/>`;
  if (kind === 'triangle') return `<path d="M${x} ${y - 5}l5 9h-10z" fill="${colour}"/>`;
  return `<circle cx="${x}" cy="${y}" r="4" fill="${colour}"/>`;
}

/** One bar a point, lying, so that long names stay readable; `y` is its length. */
function bars(plot: Plot): string {
  const rows = plot.series.flatMap((series) =>
    series.points.map((point) => ({
      name: series.points.length === 1 ? series.name : `${series.name}, ${formatNumber(point.x)}`,
      value: point.y,
    })),
  );
  if (rows.length === 0) throw new RangeError(`the plot ${plot.id} has no points`);
  const left = Math.min(320, 24 + 6.6 * Math.max(...rows.map(({ name }) => name.length)));
  const right = WIDTH - 90;
  const bottom = MARGIN.top + rows.length * BAR;
  const scale = scaleOf(
    rows.map(({ value }) => value),
    plot.y.log,
    left,
    right,
  );
  const body = scale.ticks.flatMap((tick) => [
    rule(scale.at(tick), MARGIN.top, scale.at(tick), bottom, '#e3e3e3'),
    text(scale.at(tick), bottom + 18, formatNumber(tick), { anchor: 'middle' }),
  ]);
  for (const [index, { name, value }] of rows.entries()) {
    const top = MARGIN.top + index * BAR;
    body.push(
      text(left - 8, top + BAR / 2 + 4, name, { anchor: 'end' }),
      `<rect x="${round(left)}" y="${top + 3}" width="${round(Math.max(0, scale.at(value) - left))}" height="${BAR - 6}" fill="${COLOURS[index % COLOURS.length] ?? '#000000'}"/>`,
      text(scale.at(value) + 6, top + BAR / 2 + 4, formatNumber(value)),
    );
  }
  body.push(text((left + right) / 2, bottom + 40, plot.y.label, { anchor: 'middle' }));
  return document(bottom + MARGIN.bottom, plot.title, body);
}
