import { appendFileSync } from 'node:fs';
import { FAULTS } from './table.ts';

/** How much oftener than on a desk the fault and race tests repeat themselves. */
export const SCALE = Number(process.env['OUTPOST_TEST_SCALE'] ?? 1);

/**
 * Records that a test has seen the invariant of a fault hold, after `times` injections: the last statement of
 * the test, so that it is not reached otherwise. Writes a line to the file that OUTPOST_FAULT_REPORT names; without it, does
 * nothing. Throws Error for a fault that is in no row of the table.
 */
export const shown = (id: number, times: number): void => {
  const row = FAULTS.find((fault) => fault.id === id);
  if (row === undefined || times < 1) throw new Error(`no fault ${id}, or injected ${times} times`);
  const file = process.env['OUTPOST_FAULT_REPORT'];
  if (file === undefined) return;
  const { fault, injected, invariant } = row;
  appendFileSync(file, `${JSON.stringify({ id, fault, injected, times, invariant, result: 'held' })}\n`);
};
