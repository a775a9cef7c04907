import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { LambdaFunction } from '../../api/runtime/run-function.ts';
import { FUNCTION_NAMES, FUNCTIONS, type FunctionName, type FunctionSpec } from '../../stacks/functions.ts';
import { outpostEnv } from '../../tests/harness/outpost.ts';
import type { Call, Recorder } from './recorder.ts';

/** A function that a schedule runs, and what one run of it calls while there is nothing to do. */
export type ScheduledRun = {
  readonly name: FunctionName;
  readonly runsAMonth: number;
  readonly memoryMib: number;
  readonly calls: readonly Call[];
  readonly milliseconds: number;
};

const MINUTES_A_MONTH = 30 * 24 * 60;

/** Runs every scheduled function once, as the deployed one does, against an AWS where nothing is to be done. */
export async function scheduledRuns(recorder: Recorder): Promise<ScheduledRun[]> {
  const runs: ScheduledRun[] = [];
  const present = new Set(readdirSync(join(import.meta.dirname, '../../api/functions')));
  for (const name of FUNCTION_NAMES) {
    const { trigger, memory }: FunctionSpec = FUNCTIONS[name];
    if (trigger.kind !== 'schedule' || !present.has(`${name}.ts`)) continue;
    const { lambda }: { lambda: LambdaFunction } = await import(`../../api/functions/${name}.ts`);
    const handle = await lambda.start(outpostEnv(recorder.aws), () => undefined);
    recorder.start();
    const started = performance.now();
    await handle({}, { signal: new AbortController().signal, waitUntil: () => undefined });
    const milliseconds = performance.now() - started;
    runs.push({
      name,
      runsAMonth: runsAMonth(trigger.expression),
      memoryMib: memory,
      calls: await recorder.stop(),
      milliseconds,
    });
  }
  return runs;
}

/** `rate(5 minutes)` or a cron expression of once a day. Throws for any other. */
function runsAMonth(expression: string): number {
  const minutes = /^rate\((\d+) minutes?\)$/.exec(expression)?.[1];
  if (minutes !== undefined) return MINUTES_A_MONTH / Number(minutes);
  if (/^cron\(\d+ \d+ \* \* \? \*\)$/.test(expression)) return MINUTES_A_MONTH / (24 * 60);
  throw new Error(`how often is ${expression}?`);
}
