import { DATE, SH } from '../measure/agents.ts';
import { withCleanup } from '../measure/cleanup.ts';
import { startWorld } from '../measure/world.ts';
import type { Bench } from '../model.ts';
import { measureFlood } from './flood.ts';
import { measureFollowers } from './followers.ts';
import { measureOverhead } from './overhead.ts';

export const workerBench: Bench = {
  name: 'worker',
  title: 'Worker: output, followers, overhead',
  about: `One worker under a flood: an agent that writes as fast as it can to both pipes, through redaction, the
sequenced chunks to S3 and the raw object at the end; memory is the most the worker's process ever had. Followers: many
clients on the event stream of one running job, through one API process, and how late they see what the agent writes
twice a second. Overhead: a worker that runs an agent which does nothing, job after job: what a job costs besides its
agent's own time, and how long a fresh worker takes to its first claim, on a quiet machine and beside a busy one.`,
  run: ({ quick, progress }) =>
    withCleanup(async (cleanup) => {
      const world = await startWorld(cleanup, [SH, DATE]);
      const api = await world.startApi();
      const rounds = quick ? 1 : 3;
      const overhead = await measureOverhead(world, api, { jobs: quick ? 5 : 40, rounds }, progress);
      const flood = await measureFlood(world, api, { mebibytes: quick ? 8 : 128, rounds }, progress);
      const followers = await measureFollowers(
        world,
        api,
        { levels: quick ? [1, 10] : [1, 10, 100, 500], seconds: quick ? 3 : 8 },
        progress,
      );
      return {
        tables: [flood.table, followers.table, ...overhead.tables],
        plots: [followers.plot],
        targets: [flood.target],
        skipped: [],
        rounds,
      };
    }),
};
