import { figureOf, fittedExponent } from '../framework/figures.ts';
import type { Cell, Plot, Table } from '../model.ts';
import type { Latency } from './probe.ts';

/** What was measured at each round, by name. */
export type Measured = Map<string, Latency[]>;

/** One size on an axis. */
export type Level = {
  readonly size: number;
  readonly measured: Measured;
  readonly facts: Readonly<Record<string, number>>;
};

export function record(measured: Measured, name: string, latency: Latency): void {
  const known = measured.get(name);
  if (known === undefined) measured.set(name, [latency]);
  else known.push(latency);
}

type Axis = { readonly title: string; readonly label: string; readonly id: string };

const p99 = (level: Level, name: string) =>
  figureOf(
    (level.measured.get(name) ?? []).map((latency) => latency.p99),
    'ms',
  );

/** A series' exponent: how it grows with the axis. Zero values have no logarithm, and do not grow. */
const exponentOf = (points: readonly { x: number; y: number }[]): number =>
  points.every(({ y }) => y > 0) && points.length > 1 ? fittedExponent(points) : 0;

/** The tables and plots of one axis, with the exponents, and what grew worse than linearly. */
export function axisReport(
  axis: Axis,
  levels: readonly Level[],
): { tables: Table[]; plots: Plot[]; exponents: Map<string, number> } {
  const names = [...(levels[0]?.measured.keys() ?? [])];
  const facts = Object.keys(levels[0]?.facts ?? {});
  const latencySeries = names.map((name) => {
    const points = levels.map((level) => ({ x: level.size, y: p99(level, name).median }));
    return { name, points, exponent: exponentOf(points) };
  });
  const factSeries = facts.map((name) => {
    const points = levels.map((level) => ({ x: level.size, y: level.facts[name] ?? 0 }));
    return { name, points, exponent: exponentOf(points) };
  });
  const sizes = levels.map(({ size }) => size.toLocaleString('en-US'));
  const exponentCell = (exponent: number): Cell => exponent.toFixed(2);
  return {
    tables: [
      {
        title: `${axis.title}: p99 by ${axis.label}`,
        columns: ['', ...sizes, 'exponent'],
        rows: latencySeries.map(({ name, exponent }) => [
          name,
          ...levels.map((level) => p99(level, name)),
          exponentCell(exponent),
        ]),
      },
      {
        title: `${axis.title}: memory and request units by ${axis.label}`,
        columns: ['', ...sizes, 'exponent'],
        rows: factSeries.map(({ name, points, exponent }) => [
          name,
          ...points.map(({ y }) => y),
          exponentCell(exponent),
        ]),
      },
    ],
    plots: [
      {
        id: `${axis.id}-p99`,
        title: `${axis.title}: p99`,
        kind: 'line',
        x: { label: axis.label, log: true },
        y: { label: 'ms', log: true },
        series: latencySeries,
      },
      {
        id: `${axis.id}-memory`,
        title: `${axis.title}: memory`,
        kind: 'line',
        x: { label: axis.label, log: true },
        y: { label: 'MiB', log: true },
        series: factSeries.filter(({ name }) => name.includes('MiB')),
      },
      {
        id: `${axis.id}-units`,
        title: `${axis.title}: DynamoDB request units`,
        kind: 'line',
        x: { label: axis.label, log: true },
        y: { label: 'units', log: true },
        series: factSeries.filter(
          ({ name, points }) => name.includes('units') && points.every(({ y }) => y > 0),
        ),
      },
    ],
    exponents: new Map([...latencySeries, ...factSeries].map(({ name, exponent }) => [name, exponent])),
  };
}
