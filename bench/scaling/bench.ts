import type { Bench } from '../model.ts';
import { arrivals, costOf, JOBS, SCENARIOS, SUBMIT_SECONDS } from './scenarios.ts';
import { DOCUMENTED, simulate } from './simulate.ts';

const TARGET_SECONDS = 300;
const EVERY_SECONDS = 20;
/** The plots end when the backlog is well on its way down. */
const SHOWN_SECONDS = 600;

export const scaleOut: Bench = {
  name: 'scale-out',
  title: 'Scaling out: from no worker to 50, simulated',
  about: `A simulation, not a measurement: ${JOBS} jobs of ${DOCUMENTED.jobSeconds} s each, submitted within
${SUBMIT_SECONDS} s, through the step-scaling policies of the stacks with AWS's documented quotas and delays
(\`bench/scaling/simulate.ts\` lists every assumption with its source; image and boot are assumed to take
${DOCUMENTED.startSeconds} s). \`bun bench/scaling/main.ts\` prints it minute by minute.`,
  run: async () => {
    const runs = Object.entries(SCENARIOS).map(([name, assumptions]) => ({
      name,
      run: simulate(arrivals, assumptions),
    }));
    const slowest = Math.max(...runs.map(({ run }) => run.secondsToMaximum ?? Infinity));
    const met = slowest < TARGET_SECONDS;
    return {
      tables: [
        {
          title: `${JOBS} jobs at once`,
          columns: ['', '50 workers after (s)', 'all done after (s)', 'dollars of Fargate'],
          rows: runs.map(({ name, run }) => [
            name,
            run.secondsToMaximum ?? 'never',
            run.secondsToEmpty ?? 'never',
            costOf(run).toFixed(2),
          ]),
        },
      ],
      plots: [
        {
          id: 'scale-out-workers',
          title: 'Workers that poll, simulated',
          kind: 'line',
          x: { label: 'seconds since the first submission', log: false },
          y: { label: 'workers', log: false },
          series: runs.map(({ name, run }) => ({
            name,
            points: run.samples
              .filter(({ at }) => at % EVERY_SECONDS === 0 && at <= SHOWN_SECONDS)
              .map(({ at, workers }) => ({ x: at, y: workers })),
          })),
        },
      ],
      targets: [
        {
          metric: 'from 0 to 50 workers, simulated',
          target: '< 5 min',
          measured: `${slowest} s in the slowest scenario`,
          met,
          ...(met ? {} : { cause: 'The launch rate and the start of a task under these assumptions.' }),
        },
      ],
      skipped: [],
    };
  },
};
