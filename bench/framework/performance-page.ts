import type { Cell } from '../model.ts';
import { formatCell, isNumeric } from './figures.ts';
import type { StoredResult } from './stored-result.ts';

/** docs/performance.md: every figure from the results, none by hand. */
export function performancePage(results: readonly StoredResult[]): string {
  const newest = results
    .map(({ date }) => date)
    .toSorted()
    .at(-1);
  const sections = [
    HEAD,
    targetsSection(results),
    missesSection(results),
    skippedSection(results),
    ...results.map((result) => benchSection(result, newest ?? result.date)),
  ];
  return `${sections.filter((section) => section !== '').join('\n\n')}\n`;
}

const HEAD = `# Performance

Written by \`bun run bench\` from \`bench/results/\`: every figure was measured, none is typed by hand.

Run it again on a quiet machine with \`npx bun run bench\` (Linux; about 25 minutes), one part with its name
(\`npx bun run bench api\`), a quick look that keeps nothing with \`--quick\`. Peers are measured where their servers are
installed (\`apt-get install redis-server postgresql\`); their packages are fetched, pinned, from \`bench/peers\`.

Everything, load generator included, shares one machine, and local AWS stands in for AWS: ratios inside one run hold
elsewhere, absolute times do not. A figure is the median of its rounds, with the lowest and the highest behind it;
rounds of what is compared are interleaved.`;

function targetsSection(results: readonly StoredResult[]): string {
  const rows = results.flatMap(({ name, title, targets }) =>
    targets.map(({ metric, target, measured, met }) => [
      metric,
      target,
      measured,
      met ? 'yes' : '**no**',
      `[${title}](#${anchor(title)})`,
      name,
    ]),
  );
  if (rows.length === 0) return '';
  return `## Targets\n\n${table(
    ['metric', 'target', 'measured', 'met', 'shown in'],
    rows.map((row) => row.slice(0, 5)),
  )}`;
}

function missesSection(results: readonly StoredResult[]): string {
  const misses = results.flatMap(({ targets }) => targets.filter(({ met }) => !met));
  if (misses.length === 0) return '';
  const lines = misses.map(
    ({ metric, measured, target, cause }) =>
      `- ${metric}: ${measured} where ${target} was the target. ${cause}`,
  );
  return `### Missed, and why\n\n${lines.join('\n')}`;
}

function skippedSection(results: readonly StoredResult[]): string {
  const lines = results.flatMap(({ skipped }) => skipped.map(({ what, reason }) => `- ${what}: ${reason}`));
  return lines.length === 0 ? '' : `### Not measured here\n\n${lines.join('\n')}`;
}

function benchSection(result: StoredResult, newest: string): string {
  const { environment, rounds } = result;
  const versions = Object.entries(environment.versions).map(([name, version]) => `${name} ${version}`);
  const facts = [
    `${environment.cpu}, ${environment.cores} cores, ${environment.memory_gib} GiB, ${environment.os}`,
    versions.join(', '),
    `${result.date.slice(0, 16).replace('T', ' ')} UTC, ${result.seconds} s${rounds === undefined ? '' : `, ${rounds} rounds`}`,
    `load average before it ${environment.load_before}`,
  ];
  const older = result.date.slice(0, 10) === newest.slice(0, 10) ? '' : ' Older than the other results.';
  return [
    `## ${result.title}`,
    result.about.trim(),
    `<sub>${facts.join(' · ')}.${older}</sub>`,
    ...result.tables.flatMap(({ title, columns, rows, note }) => [
      `**${title}**`,
      table(columns, rows),
      ...(note === undefined ? [] : [note]),
    ]),
    ...result.plots.map(({ id, title }) => `![${title}](plots/${id}.svg)`),
  ].join('\n\n');
}

/** The anchor that GitHub gives a heading. */
const anchor = (title: string): string =>
  title
    .toLowerCase()
    .replaceAll(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');

function table(columns: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const escaped = (cell: string): string => cell.replaceAll('|', '\\|');
  const line = (cells: readonly string[]): string => `| ${cells.map(escaped).join(' | ')} |`;
  const rules = columns.map((_, index) =>
    rows.every((row) => isNumeric(row[index] ?? '')) ? '---:' : '---',
  );
  return [line(columns), line(rules), ...rows.map((row) => line(row.map(formatCell)))].join('\n');
}
