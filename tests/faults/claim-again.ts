import { claimJob } from '../../shared/store/jobs/claim-job.ts';
import { awsOf } from '../harness/outpost.ts';

/**
 * Claims one job over and over, as workers of another machine do, and prints what each claim came to, until it is
 * no longer held. Arguments: endpoint, access key id, secret, tenant, job.
 */
const [endpoint = '', accessKeyId = '', secretAccessKey = '', tenantId = '', jobId = ''] =
  process.argv.slice(2);
const PAUSE_MS = 500;

const { store } = awsOf({ endpoint, credentials: { accessKeyId, secretAccessKey } });
for (let kind = 'held'; kind === 'held'; await Bun.sleep(PAUSE_MS)) {
  ({ kind } = await claimJob(store, { tenantId, jobId, workerId: 'elsewhere', leaseSeconds: 60 }));
  console.log(kind);
}
