import { type } from 'arktype';
import type { DedicatedTasks } from '../operations/start-dedicated.ts';
import { clusterOf, createEcs, workerServiceOf } from './ecs.ts';

/** The container of stacks/constructs/worker-task.ts. */
const CONTAINER = 'worker';

/** What the pool's service says of where its tasks run. */
const Description = type({
  services: type({ capacityProviderStrategy: 'object[]', networkConfiguration: 'object' }).array(),
});
const Answer = type({ tasks: 'object[]', failures: type({ 'reason?': 'string' }).array() });

/**
 * Tasks of dedicated tenants, by RunTask on the tenant's own task definition (stacks/constructs/dedicated-task.ts),
 * which names the tenant; the request names the job. They run where the pool's do and on the same capacity, as its
 * service says: so nothing else has to tell this of subnets.
 */
export function createDedicatedTasks(
  env: Readonly<Record<string, string | undefined>>,
  environment: string,
): DedicatedTasks {
  const call = createEcs(env);
  const cluster = clusterOf(environment);
  return {
    async start({ tenantId, jobId, token }) {
      const described = await call('DescribeServices', {
        cluster,
        services: [workerServiceOf(environment)],
      });
      const [pool] = Description.assert(described).services;
      if (pool === undefined) throw new Error('there is no worker service to run beside');
      const answer = await call('RunTask', {
        cluster,
        taskDefinition: `outpost-dedicated-${environment}-${tenantId}`,
        capacityProviderStrategy: pool.capacityProviderStrategy,
        networkConfiguration: pool.networkConfiguration,
        clientToken: token,
        startedBy: jobId,
        overrides: {
          containerOverrides: [
            { name: CONTAINER, environment: [{ name: 'OUTPOST_ONLY_JOB', value: jobId }] },
          ],
        },
      });
      const { tasks, failures } = Answer.assert(answer);
      if (tasks.length === 0 || failures.length > 0) {
        throw new Error(`ecs RunTask: ${failures.map(({ reason }) => reason).join(', ') || 'no task'}`);
      }
    },
  };
}
