import { type } from 'arktype';
import { AwsError } from '../errors.ts';
import { parseInput } from '../input.ts';
import type { JsonService } from '../service.ts';

/**
 * ECS as far as Outpost asks it to run a task: there are no containers here, so what runs a task is another
 * process of this machine, which is told the family and the variables. Source: ECS API reference.
 */
const DescribeServices = type({ '+': 'reject', cluster: 'string', services: 'string[] == 1' });

const RunTask = type({
  '+': 'reject',
  cluster: 'string',
  taskDefinition: 'string',
  capacityProviderStrategy: 'object[]',
  networkConfiguration: 'object',
  clientToken: '1 <= string <= 64',
  startedBy: '1 <= string <= 128',
  overrides: type({
    '+': 'reject',
    containerOverrides: type({
      '+': 'reject',
      name: 'string',
      environment: type({ '+': 'reject', name: 'string', value: 'string' }).array(),
    }).array(),
  }),
});

const CODES = { missing: 'InvalidParameterException', invalid: 'InvalidParameterException' };
/** Tokens of so many requests are remembered. */
const TOKENS = 1_000;

const arn = (resource: string): string => `arn:aws:ecs:us-east-1:000000000000:${resource}`;

/** ECS whose tasks are run by whoever answers at `tasksUrl`. */
export function createEcs(tasksUrl: string | undefined): JsonService {
  const started = new Map<string, string>();

  const runTask = async (input: Record<string, unknown>): Promise<unknown> => {
    const request = parseInput(RunTask, input, CODES);
    const known = started.get(request.clientToken);
    if (known !== undefined) return { tasks: [{ taskArn: known }], failures: [] };
    if (tasksUrl === undefined) {
      throw new AwsError(
        'ClientException',
        'Local AWS runs no tasks. Set OUTPOST_LOCAL_TASKS_URL to what does.',
      );
    }
    const variables = request.overrides.containerOverrides.flatMap(({ environment }) => environment);
    const answer = await fetch(tasksUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        family: request.taskDefinition,
        environment: Object.fromEntries(variables.map(({ name, value }) => [name, value])),
      }),
    });
    await answer.arrayBuffer();
    if (!answer.ok) return { tasks: [], failures: [{ reason: `what runs tasks answered ${answer.status}` }] };
    const taskArn = arn(`task/${request.cluster}/${crypto.randomUUID().replaceAll('-', '')}`);
    started.set(request.clientToken, taskArn);
    for (const token of [...started.keys()].slice(0, -TOKENS)) started.delete(token);
    return { tasks: [{ taskArn }], failures: [] };
  };

  return {
    targetPrefix: 'AmazonEC2ContainerServiceV20141113',
    jsonVersion: '1.1',
    operations: ['DescribeServices', 'RunTask'],
    handle: (operation, input) => (operation === 'RunTask' ? runTask(input) : describe(input)),
  };
}

/** One service, which is everywhere and nowhere. */
function describe(input: Record<string, unknown>): unknown {
  const { cluster, services } = parseInput(DescribeServices, input, CODES);
  return {
    services: services.map((name) => ({
      serviceArn: arn(`service/${cluster}/${name}`),
      serviceName: name,
      status: 'ACTIVE',
      desiredCount: 1,
      capacityProviderStrategy: [{ capacityProvider: 'FARGATE', weight: 1, base: 0 }],
      networkConfiguration: {
        awsvpcConfiguration: {
          subnets: ['subnet-local'],
          securityGroups: ['sg-local'],
          assignPublicIp: 'DISABLED',
        },
      },
    })),
    failures: [],
  };
}
