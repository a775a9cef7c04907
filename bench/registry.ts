import { api } from './api/bench.ts';
import { awsCallsBench } from './aws-calls/bench.ts';
import { coldStartBench } from './cold-start/bench.ts';
import { dispatchBench } from './dispatch/bench.ts';
import type { Bench } from './model.ts';
import { scale } from './scale/bench.ts';
import { scaleOut } from './scaling/bench.ts';
import { workerBench } from './worker/bench.ts';

/** All benchmarks, in the order in which they run and are reported. */
export const BENCHES: readonly Bench[] = [
  api,
  dispatchBench,
  coldStartBench,
  awsCallsBench,
  workerBench,
  scale,
  scaleOut,
];
