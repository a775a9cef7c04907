import { type BucketId, bucketName } from '../shared/buckets.ts';
import { type QueueId, queueName } from '../shared/queues.ts';
import { type TableId, tableName } from '../shared/tables.ts';
import type { Settings } from './settings.ts';

/**
 * What a deployment's resources are called. All names and ARNs but those that AWS invents follow from the
 * settings, so that no stack has to read another's state to find a table or a queue.
 */
export type Names = {
  readonly environment: string;
  table(id: TableId): string;
  tableArn(id: TableId): string;
  queue(id: QueueId): string;
  queueArn(id: QueueId): string;
  queueBaseUrl: string;
  bucket(id: BucketId | 'artifacts'): string;
  bucketArn(id: BucketId | 'artifacts'): string;
  /** A name of this deployment, for example `outpost-api-prod`. */
  own(part: string): string;
  functionArn(part: string): string;
  topicArn(part: string): string;
  cluster: string;
  workerService: string;
  workerServiceArn: string;
  clusterArn: string;
  /** The task definitions of a tenant with tasks of its own, whatever their revision. */
  dedicatedFamily(tenantId: string): string;
  dedicatedFamilyArn(tenantId: string): string;
  roleArn(name: string): string;
  /** Where platform secrets and settings lie. */
  platformSecretArn(name: string): string;
  /** The provider keys of one tenant, or of all. */
  tenantSecretsArn(tenant: string | undefined): string;
};

export function namesOf({ environment, accountId, region }: Settings): Names {
  const arn = (service: string, resource: string): string =>
    `arn:aws:${service}:${region}:${accountId}:${resource}`;
  const own = (part: string): string => `outpost-${part}-${environment}`;
  const bucket = (id: BucketId | 'artifacts'): string =>
    id === 'artifacts' ? `${own(id)}-${accountId}` : bucketName(id, environment, accountId);
  const cluster = `outpost-${environment}`;
  return {
    environment,
    table: (id) => tableName(id, environment),
    tableArn: (id) => arn('dynamodb', `table/${tableName(id, environment)}`),
    queue: (id) => queueName(id, environment),
    queueArn: (id) => arn('sqs', queueName(id, environment)),
    queueBaseUrl: `https://sqs.${region}.amazonaws.com/${accountId}`,
    bucket,
    bucketArn: (id) => `arn:aws:s3:::${bucket(id)}`,
    own,
    topicArn: (part) => arn('sns', own(part)),
    functionArn: (part) => arn('lambda', `function:${own(part)}`),
    cluster,
    workerService: own('worker'),
    workerServiceArn: arn('ecs', `service/${cluster}/${own('worker')}`),
    clusterArn: arn('ecs', `cluster/${cluster}`),
    dedicatedFamily: (tenantId) => `${own('dedicated')}-${tenantId}`,
    dedicatedFamilyArn: (tenantId) => arn('ecs', `task-definition/${own('dedicated')}-${tenantId}:*`),
    roleArn: (name) => `arn:aws:iam::${accountId}:role/${name}`,
    // Secrets Manager adds a dash and six characters to each name.
    platformSecretArn: (name) => arn('secretsmanager', `secret:/outpost/${environment}/${name}-??????`),
    tenantSecretsArn: (tenant) =>
      arn('secretsmanager', `secret:/outpost/tenants/${tenant === undefined ? '' : `${tenant}/`}*`),
  };
}
