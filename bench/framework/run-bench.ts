import type { Bench, BenchContext } from '../model.ts';
import { readEnvironment } from './environment.ts';
import type { StoredResult } from './stored-result.ts';

/** Runs one benchmark in this process. What it throws passes. */
export async function runBench(bench: Bench, context: BenchContext): Promise<StoredResult> {
  const environment = readEnvironment();
  const date = new Date().toISOString();
  const started = performance.now();
  const { tables, plots, targets, skipped, rounds, versions } = await bench.run(context);
  return {
    name: bench.name,
    title: bench.title,
    about: bench.about,
    date,
    seconds: Math.round((performance.now() - started) / 1000),
    quick: context.quick,
    ...(rounds === undefined ? {} : { rounds }),
    environment: { ...environment, versions: { ...environment.versions, ...versions } },
    tables: tables.map(({ title, columns, rows, note }) => ({
      title,
      columns: [...columns],
      rows: rows.map((row) => [...row]),
      ...(note === undefined ? {} : { note }),
    })),
    plots: plots.map((plot) => ({
      ...plot,
      series: plot.series.map((series) => ({ ...series, points: [...series.points] })),
    })),
    targets: [...targets],
    skipped: [...skipped],
  };
}
