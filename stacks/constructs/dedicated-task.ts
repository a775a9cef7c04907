import { EfsAccessPoint } from '@cdktf/provider-aws/lib/efs-access-point';
import type { Construct } from 'constructs';
import type { Deployment } from '../deployment.ts';
import { DEDICATED_NEEDS } from '../functions.ts';
import type { Settings } from '../settings.ts';
import { dedicatedRole, link } from './link.ts';
import { mountStatement } from './mount.ts';
import { role } from './role.ts';
import { type WorkerTask, workerTask } from './worker-task.ts';

type Common = Omit<WorkerTask, 'family' | 'accessPoint' | 'taskRoleArn'>;

/**
 * What a tenant of its own has: a folder that its access point makes the root, under its uid whoever asks; a role
 * that can mount nothing else and read no other tenant's keys or output; and a task definition of its own, whose
 * worker serves this tenant alone. The function start-dedicated starts it for one job at a time.
 */
export function dedicatedTask(
  scope: Construct,
  deployment: Deployment,
  tenant: Settings['dedicatedTenants'][number],
  common: Common,
): void {
  const { names, settings } = deployment;
  const { id, uid } = tenant;
  const accessPoint = new EfsAccessPoint(scope, `dedicated-${id}`, {
    fileSystemId: common.fileSystem.id,
    posixUser: { uid, gid: uid },
    rootDirectory: {
      path: `/dedicated/${id}`,
      creationInfo: { ownerUid: uid, ownerGid: uid, permissions: '0700' },
    },
  });
  const { env, statements } = link(deployment, {
    ...DEDICATED_NEEDS,
    tenant: id,
    env: { OUTPOST_ONLY_TENANT: id },
  });
  const own = role(scope, `dedicated-${id}`, {
    name: dedicatedRole(settings.environment, id),
    service: 'ecs-tasks.amazonaws.com',
    account: settings.accountId,
    statements: [
      ...statements,
      mountStatement(common.fileSystem.arn, accessPoint.arn, ['ClientMount', 'ClientWrite']),
    ],
  });
  workerTask(scope, `dedicated-${id}-task`, deployment, {
    ...common,
    family: names.dedicatedFamily(id),
    accessPoint,
    taskRoleArn: own.arn,
    env,
  });
}
