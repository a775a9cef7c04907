import { withCleanup } from '../measure/cleanup.ts';
import type { Bench, Target } from '../model.ts';
import { measureJobsAxis } from './jobs-axis.ts';
import { axisReport } from './level.ts';
import { measureTenantsAxis } from './tenants-axis.ts';

export const scale: Bench = {
  name: 'scale',
  title: 'Scale: what grows with tenants and stored jobs',
  about: `Two axes. Stored jobs: one tenant owns them all, the worst case for listing; one in a hundred is unfinished; the
sweeper finds 100 jobs that are due among them; requests come one at a time. Tenants: each with a key and
jobs, all using one API process, eight requests at once, from tenants all over. Sizes are stored straight into local
AWS's file and grow within one run, so rounds of different sizes cannot be interleaved. An exponent b is fitted to
y ~ x^b by least squares on logarithms: 0 is flat, 1 is linear. Request units are what DynamoDB's rules charge, as local
AWS reports them: that is the cost, since the price of a unit does not grow.`,
  run: ({ quick, progress }) =>
    withCleanup(async (cleanup) => {
      const rounds = quick ? 1 : 3;
      const requests = quick ? 20 : 300;
      const jobLevels = quick ? [1_000, 5_000] : [1_000, 10_000, 100_000, 1_000_000];
      const tenantLevels = quick ? [10, 100] : [10, 100, 1_000, 10_000];
      const jobs = axisReport(
        { title: 'Stored jobs', label: 'stored jobs', id: 'scale-jobs' },
        await measureJobsAxis(cleanup, { levels: jobLevels, rounds, requests }, progress),
      );
      const tenants = axisReport(
        { title: 'Tenants', label: 'tenants', id: 'scale-tenants' },
        await measureTenantsAxis(cleanup, { levels: tenantLevels, rounds, requests: requests * 4 }, progress),
      );
      return {
        tables: [...jobs.tables, ...tenants.tables],
        plots: [...jobs.plots, ...tenants.plots],
        targets: [growth('stored jobs', jobs.exponents), growth('tenants', tenants.exponents)],
        skipped: [],
        rounds,
      };
    }),
};

const LINEAR = 1;

/** Nothing may grow worse than linearly; what does is named. */
function growth(axis: string, exponents: ReadonlyMap<string, number>): Target {
  const [worst, exponent] = [...exponents].reduce((most, one) => (one[1] > most[1] ? one : most));
  const over = [...exponents].filter(([, each]) => each > LINEAR).map(([name]) => name);
  return {
    metric: `growth of p99, memory and request units with ${axis}`,
    target: 'at most linear',
    measured: `x^${exponent.toFixed(2)} at worst (${worst})`,
    met: over.length === 0,
    ...(over.length === 0 ? {} : { cause: `Worse than linear: ${over.join(', ')}.` }),
  };
}
