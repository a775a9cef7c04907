// oxlint-disable eslint/no-new -- a construct registers itself with its scope
import { CloudwatchLogGroup } from '@cdktf/provider-aws/lib/cloudwatch-log-group';
import { EcrLifecyclePolicy } from '@cdktf/provider-aws/lib/ecr-lifecycle-policy';
import { EcrRepository } from '@cdktf/provider-aws/lib/ecr-repository';
import { EcsCluster } from '@cdktf/provider-aws/lib/ecs-cluster';
import { EcsClusterCapacityProviders } from '@cdktf/provider-aws/lib/ecs-cluster-capacity-providers';
import { EcsService } from '@cdktf/provider-aws/lib/ecs-service';
import type { IamRole } from '@cdktf/provider-aws/lib/iam-role';
import { type App, TerraformOutput, type TerraformStack } from 'cdktf';
import { dedicatedTask } from './constructs/dedicated-task.ts';
import { executionRole, link } from './constructs/link.ts';
import { mountStatement } from './constructs/mount.ts';
import { type Network, network } from './constructs/network.ts';
import { outpostStack } from './constructs/outpost-stack.ts';
import { role } from './constructs/role.ts';
import { scaling } from './constructs/scaling.ts';
import { workerTask } from './constructs/worker-task.ts';
import { workspaces } from './constructs/workspaces.ts';
import type { Deployment } from './deployment.ts';
import { WORKER_NEEDS } from './functions.ts';

const KEPT_IMAGES = 10;

/** The workers: where they run, on what, and how many. */
export function workerStack(app: App, deployment: Deployment): TerraformStack {
  const { names, settings } = deployment;
  const stack = outpostStack(app, 'worker', settings);
  const net = network(stack, settings, names);
  const { fileSystem, pool } = workspaces(stack, deployment, net);
  const repository = imageRepository(stack, deployment);
  const logs = new CloudwatchLogGroup(stack, 'worker-logs', {
    name: `/outpost/${settings.environment}/worker`,
    retentionInDays: settings.logRetentionDays,
  });
  const execution = taskStarter(stack, deployment, repository, logs);
  const { env, statements } = link(deployment, WORKER_NEEDS);
  const pooled = role(stack, 'worker', {
    name: names.own('worker'),
    service: 'ecs-tasks.amazonaws.com',
    account: settings.accountId,
    // The pool's supervisor makes folders for tenants and hands them over, which takes root on the file system.
    statements: [
      ...statements,
      mountStatement(fileSystem.arn, pool.arn, ['ClientMount', 'ClientWrite', 'ClientRootAccess']),
    ],
  });
  const common = {
    image: settings.workerImage ?? `${repository.repositoryUrl}:latest`,
    fileSystem,
    logs,
    executionRoleArn: execution.arn,
    env,
  };
  const task = workerTask(stack, 'worker-task', deployment, {
    ...common,
    family: names.own('worker'),
    accessPoint: pool,
    taskRoleArn: pooled.arn,
  });
  const service = workerService(stack, deployment, net, task.arn);
  scaling(stack, settings, names, service);
  for (const tenant of settings.dedicatedTenants) dedicatedTask(stack, deployment, tenant, common);
  new TerraformOutput(stack, 'repository_url', { value: repository.repositoryUrl });
  new TerraformOutput(stack, 'cluster_name', { value: names.cluster });
  return stack;
}

function imageRepository(stack: TerraformStack, { names, settings, keyArn }: Deployment): EcrRepository {
  const repository = new EcrRepository(stack, 'repository', {
    name: names.own('worker'),
    imageScanningConfiguration: { scanOnPush: true },
    encryptionConfiguration: [{ encryptionType: 'KMS', kmsKey: keyArn }],
    forceDelete: !settings.protectData,
  });
  new EcrLifecyclePolicy(stack, 'repository-lifecycle', {
    repository: repository.name,
    policy: JSON.stringify({
      rules: [
        {
          rulePriority: 1,
          description: 'Images to roll back to',
          selection: { tagStatus: 'any', countType: 'imageCountMoreThan', countNumber: KEPT_IMAGES },
          action: { type: 'expire' },
        },
      ],
    }),
  });
  return repository;
}

/** What ECS itself needs to start a task: the image and the log stream. The worker never has this role. */
function taskStarter(
  stack: TerraformStack,
  { names, settings }: Deployment,
  repository: EcrRepository,
  logs: CloudwatchLogGroup,
): IamRole {
  return role(stack, 'worker-execution', {
    name: executionRole(names),
    service: 'ecs-tasks.amazonaws.com',
    account: settings.accountId,
    statements: [
      { Effect: 'Allow', Action: ['ecr:GetAuthorizationToken'], Resource: ['*'] },
      {
        Effect: 'Allow',
        Action: ['ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'],
        Resource: [repository.arn],
      },
      {
        Effect: 'Allow',
        Action: ['logs:CreateLogStream', 'logs:PutLogEvents'],
        Resource: [`arn:aws:logs:${settings.region}:${settings.accountId}:log-group:${logs.name}:*`],
      },
    ],
  });
}

function workerService(
  stack: TerraformStack,
  { names, settings }: Deployment,
  net: Network,
  taskArn: string,
): EcsService {
  const cluster = new EcsCluster(stack, 'cluster', {
    name: names.cluster,
    setting: [{ name: 'containerInsights', value: 'disabled' }],
  });
  const providers = new EcsClusterCapacityProviders(stack, 'capacity', {
    clusterName: cluster.name,
    capacityProviders: ['FARGATE', 'FARGATE_SPOT'],
  });
  return new EcsService(stack, 'worker-service', {
    name: names.workerService,
    cluster: cluster.arn,
    taskDefinition: taskArn,
    desiredCount: settings.workers.minimum,
    capacityProviderStrategy: [
      { capacityProvider: settings.workers.spot ? 'FARGATE_SPOT' : 'FARGATE', weight: 1 },
    ],
    networkConfiguration: {
      subnets: net.subnets.map(({ id }) => id),
      securityGroups: [net.workers.id],
      assignPublicIp: net.publicAddresses,
    },
    // A new version may start beside the old one, whose tasks finish their jobs first.
    deploymentMinimumHealthyPercent: 100,
    deploymentMaximumPercent: 200,
    deploymentCircuitBreaker: { enable: true, rollback: true },
    enableEcsManagedTags: true,
    propagateTags: 'SERVICE',
    lifecycle: { ignoreChanges: ['desired_count'] },
    dependsOn: [providers],
  });
}
