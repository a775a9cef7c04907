import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { measurePaths } from '../../bench/aws-calls/paths.ts';
import { startRecorder } from '../../bench/aws-calls/recorder.ts';
import { builtFunctions, bundleFunction } from '../../cli/build/functions.ts';
import { startLocalAws } from '../harness/local-aws.ts';
import { awsOf, startApi } from '../harness/outpost.ts';

/** Figures that are the same on every machine: what a change costs, whatever the weather. */
export type Figures = {
  /** Calls to AWS of one request, by path, and how many of them wait for one another. */
  readonly paths: Readonly<Record<string, { readonly round_trips: number; readonly calls: number }>>;
  /** Bytes of each function's bundle, minified. */
  readonly bundles: Readonly<Record<string, number>>;
};

/** The depths of the queues: asked for beside a submission, at most each five seconds, however many there are. */
const SAMPLE = 'GetQueueAttributes';

export async function measurePathFigures(): Promise<Figures['paths']> {
  const local = await startLocalAws({ withOutpost: true });
  const recorder = startRecorder(local);
  const api = await startApi(recorder.aws);
  try {
    const costs = await measurePaths(recorder, api, awsOf(local).store);
    return Object.fromEntries(
      costs.map(({ path, calls, roundTrips }) => [
        path,
        { round_trips: roundTrips, calls: calls.filter(({ operation }) => operation !== SAMPLE).length },
      ]),
    );
  } finally {
    await api.stop();
    await recorder.close();
    await local.stop();
  }
}

export async function measureBundles(): Promise<Figures['bundles']> {
  const work = mkdtempSync(join(tmpdir(), 'outpost-bundles-'));
  try {
    const sizes: Record<string, number> = {};
    for (const name of builtFunctions()) {
      const entries = await bundleFunction(name, work);
      sizes[name] = entries.find((entry) => entry.name === 'index.js')?.content.byteLength ?? 0;
    }
    return sizes;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
