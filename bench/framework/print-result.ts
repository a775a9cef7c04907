import { styleText } from 'node:util';
import type { Cell } from '../model.ts';
import { formatCell, isNumeric } from './figures.ts';
import type { StoredResult } from './stored-result.ts';

type Paint = (style: 'bold' | 'dim' | 'green' | 'red' | 'yellow', text: string) => string;

/** Colours where there is a terminal. */
export const painter =
  (colours: boolean): Paint =>
  (style, text) =>
    colours ? styleText(style, text, { validateStream: false }) : text;

/** A result as lines for a terminal. */
export function printedResult(result: StoredResult, paint: Paint): string {
  const parts = [paint('bold', `${result.title}${result.quick ? ' (quick: no figures to keep)' : ''}`)];
  for (const table of result.tables) {
    parts.push(`${paint('bold', table.title)}\n${printedTable(table.columns, table.rows, paint)}`);
    if (table.note !== undefined) parts.push(paint('dim', table.note));
  }
  const targets = result.targets.map(({ metric, target, measured, met, cause }) => {
    const verdict = met ? paint('green', '✓') : paint('red', '✗');
    return `${verdict} ${metric}: ${measured} (target ${target})${cause === undefined ? '' : `: ${cause}`}`;
  });
  const skipped = result.skipped.map(({ what, reason }) => paint('yellow', `skipped ${what}: ${reason}`));
  if (targets.length + skipped.length > 0) parts.push([...targets, ...skipped].join('\n'));
  return `${parts.join('\n\n')}\n`;
}

function printedTable(columns: readonly string[], rows: readonly (readonly Cell[])[], paint: Paint): string {
  const texts = rows.map((row) => row.map(formatCell));
  const widths = columns.map((column, index) =>
    Math.max(width(column), ...texts.map((row) => width(row[index] ?? ''))),
  );
  const right = columns.map((_, index) => rows.every((row) => isNumeric(row[index] ?? '')));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, index) => {
        const gap = ' '.repeat(Math.max(0, (widths[index] ?? 0) - width(cell)));
        return right[index] === true ? `${gap}${cell}` : `${cell}${gap}`;
      })
      .join('  ')
      .trimEnd();
  return [paint('dim', line(columns)), ...texts.map(line)].join('\n');
}

const width = (text: string): number => Bun.stringWidth(text);
