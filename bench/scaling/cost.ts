import { alarmSpecs } from '../../stacks/alarms.ts';
import { outPolicies } from '../../stacks/constructs/scaling-steps.ts';
import { FUNCTION_NAMES } from '../../stacks/functions.ts';
import { namesOf } from '../../stacks/names.ts';
import { settingsOf } from '../../stacks/settings.ts';

/**
 * `bun bench/scaling/cost.ts`: what a month costs at 0, 1,000 and 100,000 jobs, from list prices and from the
 * assumptions below. No free tier, no tax, no traffic of agents, no model calls (tenants bring their keys).
 */

/** Dollars, us-east-1, as listed in November 2026; check them against https://calculator.aws before relying on them. */
const PRICES = {
  alarmMetric: 0.1,
  customMetric: 0.3,
  dashboard: 3,
  ecrGigabyte: 0.1,
  kmsKey: 1,
  secret: 0.4,
  lambdaGigabyteSecond: 0.0000133334,
  lambdaRequest: 0.2e-6,
  schedulerCall: 1e-6,
  sqsRequest: 0.4e-6,
  gatewayRequest: 1e-6,
  dynamoWrite: 0.625e-6,
  dynamoRead: 0.125e-6,
  logGigabyte: 0.5,
  s3Put: 5e-6,
  fargateVcpuHour: 0.03238,
  fargateGigabyteHour: 0.00356,
  publicAddressHour: 0.005,
};

/** Assumed of one job. Capacity units are doubled, as transactions are billed. */
const JOB = {
  workerSeconds: 120,
  apiRequests: 10,
  apiGigabyteSeconds: 10 * 0.03 * 1.73,
  writes: 40,
  reads: 40,
  sqsRequests: 12,
  s3Puts: 30,
  logMegabytes: 0.05,
};

const SECONDS = 30 * 24 * 3600;
/** Lambda's own pollers of the audit queue take five at least, and wait 20 s each time. */
const POLLS = (SECONDS / 20) * 5;
/** Runs of everything that has a schedule: every minute, every five minutes (two functions), every day. */
const RUNS = { sweeper: SECONDS / 60, everyFive: 2 * (SECONDS / 300), export: SECONDS / 86_400 };
/** What the worker, the sweeper, the authorizer and billing report of themselves. */
const CUSTOM_METRICS = 12;
/** The image of the worker, compressed, and how many of its versions lie in the repository. */
const IMAGES = { count: 10, gigabytes: 0.6 };

const settings = settingsOf('prod', { workers: { minimum: 0 } });

function idle(): number {
  const alarmMetrics =
    alarmSpecs(namesOf(settings), FUNCTION_NAMES).reduce((sum, { metrics }) => sum + metrics.length, 0) +
    outPolicies(settings.workers.maximum).length * 3 +
    // The alarm that scales in: three queues twice, and the count of tasks.
    7;
  const runs = RUNS.sweeper + RUNS.everyFive + RUNS.export;
  return (
    alarmMetrics * PRICES.alarmMetric +
    CUSTOM_METRICS * PRICES.customMetric +
    PRICES.dashboard +
    IMAGES.count * IMAGES.gigabytes * PRICES.ecrGigabyte +
    PRICES.kmsKey +
    PRICES.secret +
    runs * (0.5 * 0.5 * PRICES.lambdaGigabyteSecond + PRICES.lambdaRequest + PRICES.schedulerCall) +
    (RUNS.sweeper * 3 + RUNS.everyFive / 2 + POLLS) * PRICES.sqsRequest +
    RUNS.sweeper * 20 * PRICES.dynamoRead
  );
}

function perJob(): number {
  const hours = JOB.workerSeconds / 3600;
  const task = 2 * PRICES.fargateVcpuHour + 4 * PRICES.fargateGigabyteHour + PRICES.publicAddressHour;
  return (
    hours * task +
    JOB.apiRequests * (PRICES.gatewayRequest + PRICES.lambdaRequest) +
    JOB.apiGigabyteSeconds * PRICES.lambdaGigabyteSecond +
    JOB.writes * PRICES.dynamoWrite +
    JOB.reads * PRICES.dynamoRead +
    JOB.sqsRequests * PRICES.sqsRequest +
    JOB.s3Puts * PRICES.s3Put +
    (JOB.logMegabytes / 1000) * PRICES.logGigabyte
  );
}

const oneWorker =
  (SECONDS / 3600) * (2 * PRICES.fargateVcpuHour + 4 * PRICES.fargateGigabyteHour + PRICES.publicAddressHour);
const round = (dollars: number): string => dollars.toFixed(2);

console.log('Assumed of a job:', JOB);
console.log('jobs a month   minimum 0   minimum 1 (one worker always on)');
for (const jobs of [0, 1_000, 100_000]) {
  const dollars = idle() + jobs * perJob();
  console.log(
    `${String(jobs).padStart(12)} ${round(dollars).padStart(11)} ${round(dollars + oneWorker).padStart(11)}`,
  );
}
