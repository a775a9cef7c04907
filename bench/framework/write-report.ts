import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { performancePage } from './performance-page.ts';
import { readResult, type StoredResult } from './stored-result.ts';
import { svgOf } from './svg.ts';

/** Where results are read from and the page and its plots go. */
export type ReportFolders = { readonly results: string; readonly docs: string };

/** Draws docs/performance.md and docs/plots anew from the last result of each named benchmark, in that order. */
export function writeReport(folders: ReportFolders, names: readonly string[]): readonly StoredResult[] {
  const results = names
    .map((name) => readResult(folders.results, name))
    .filter((result) => result !== undefined);
  const plots = join(folders.docs, 'plots');
  mkdirSync(plots, { recursive: true });
  for (const plot of results.flatMap((result) => result.plots)) {
    writeFileSync(join(plots, `${plot.id}.svg`), svgOf(plot));
  }
  writeFileSync(join(folders.docs, 'performance.md'), performancePage(results));
  return results;
}
