import { arrivals, costOf, JOBS, SCENARIOS, SUBMIT_SECONDS } from './scenarios.ts';
import { DOCUMENTED, type Run, simulate } from './simulate.ts';

/**
 * `bun bench/scaling/main.ts`: from no worker to 50 and the backlog meanwhile, simulated with AWS's documented
 * quotas and delays. Prints the assumptions, a plot and the cost; `bun run bench scale-out` keeps the figures.
 */

/** Rows of two bars a minute: the backlog and the workers. */
function plot({ samples }: Run): string {
  const rows = samples.filter(({ at }) => at % 60 === 0);
  const most = Math.max(...rows.map(({ backlog }) => backlog), 1);
  return rows
    .map(({ at, backlog, workers }) => {
      const bar = '#'.repeat(Math.round((backlog / most) * 40));
      return `${String(at / 60).padStart(4)} min ${String(backlog).padStart(5)} waiting ${String(workers).padStart(3)} workers |${bar}`;
    })
    .join('\n');
}

console.log(`${JOBS} jobs of ${DOCUMENTED.jobSeconds} s each, submitted within ${SUBMIT_SECONDS} s.`);
console.log('Simulated, not measured on AWS. Assumptions:', DOCUMENTED);
for (const [name, assumptions] of Object.entries(SCENARIOS)) {
  const run = simulate(arrivals, assumptions);
  const dollars = Math.round(costOf(run) * 100) / 100;
  console.log(
    `\n${name}: 50 workers after ${run.secondsToMaximum} s, all done after ${run.secondsToEmpty} s, ${dollars} dollars of Fargate`,
  );
  console.log(plot(run));
}
