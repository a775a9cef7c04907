import { DOCUMENTED, type Run } from './simulate.ts';

/** What is simulated: a burst of jobs under different assumptions, and what its workers cost. */
export const JOBS = 1_000;
export const SUBMIT_SECONDS = 10;

/** Dollars an hour on Fargate, us-east-1, Linux on ARM. https://aws.amazon.com/fargate/pricing/ */
const DOLLARS = { vcpu: 0.03238, gigabyte: 0.00356 };
const TASK = { vcpu: 2, gigabytes: 4 };

export const arrivals = Array.from({ length: SUBMIT_SECONDS }, () => JOBS / SUBMIT_SECONDS);

/** Dollars of Fargate. */
export const costOf = ({ workerSeconds }: Run): number =>
  (workerSeconds / 3600) * (TASK.vcpu * DOLLARS.vcpu + TASK.gigabytes * DOLLARS.gigabyte);

export const SCENARIOS = {
  'from zero': DOCUMENTED,
  'from one': { ...DOCUMENTED, minimum: 1 },
  'from zero, without the push': { ...DOCUMENTED, wakeDelay: Infinity },
  'from zero, images twice as slow': { ...DOCUMENTED, startSeconds: DOCUMENTED.startSeconds * 2 },
};
