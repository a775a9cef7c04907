// oxlint-disable eslint/no-new -- a construct registers itself with its scope
import { EfsAccessPoint } from '@cdktf/provider-aws/lib/efs-access-point';
import { EfsBackupPolicy } from '@cdktf/provider-aws/lib/efs-backup-policy';
import { EfsFileSystem } from '@cdktf/provider-aws/lib/efs-file-system';
import { EfsFileSystemPolicy } from '@cdktf/provider-aws/lib/efs-file-system-policy';
import { EfsMountTarget } from '@cdktf/provider-aws/lib/efs-mount-target';
import { SecurityGroup } from '@cdktf/provider-aws/lib/security-group';
import { VpcSecurityGroupEgressRule } from '@cdktf/provider-aws/lib/vpc-security-group-egress-rule';
import { VpcSecurityGroupIngressRule } from '@cdktf/provider-aws/lib/vpc-security-group-ingress-rule';
import type { Construct } from 'constructs';
import type { Deployment } from '../deployment.ts';
import type { Network } from './network.ts';

const NFS = 2049;

export type Workspaces = { readonly fileSystem: EfsFileSystem; readonly pool: EfsAccessPoint };

/**
 * The tenants' workspaces: one encrypted file system, reached over TLS, with IAM, from the workers alone. The
 * pool's access point enforces no user, since that would make all tenants one: the worker itself drops to each
 * tenant's uid.
 */
export function workspaces(
  scope: Construct,
  { settings, names, keyArn }: Deployment,
  net: Network,
): Workspaces {
  const fileSystem = new EfsFileSystem(scope, 'workspaces', {
    creationToken: names.own('workspaces'),
    encrypted: true,
    kmsKeyId: keyArn,
    throughputMode: 'elastic',
    lifecyclePolicy: [
      { transitionToIa: 'AFTER_30_DAYS' },
      { transitionToPrimaryStorageClass: 'AFTER_1_ACCESS' },
    ],
    lifecycle: { preventDestroy: settings.protectData },
    tags: { Name: names.own('workspaces') },
  });
  new EfsBackupPolicy(scope, 'workspaces-backup', {
    fileSystemId: fileSystem.id,
    backupPolicy: { status: settings.protectData ? 'ENABLED' : 'DISABLED' },
  });
  new EfsFileSystemPolicy(scope, 'workspaces-policy', {
    fileSystemId: fileSystem.id,
    policy: tlsOnly(fileSystem.arn),
  });
  mountTargets(scope, fileSystem, net, names.own('workspaces'));
  const pool = new EfsAccessPoint(scope, 'pool', {
    fileSystemId: fileSystem.id,
    rootDirectory: { path: '/pool', creationInfo: { ownerUid: 0, ownerGid: 0, permissions: '0711' } },
  });
  return { fileSystem, pool };
}

function mountTargets(scope: Construct, fileSystem: EfsFileSystem, net: Network, name: string): void {
  const group = new SecurityGroup(scope, 'workspaces-group', {
    name,
    description: 'Workspaces: NFS from the workers',
    vpcId: net.vpc.id,
  });
  const port = { ipProtocol: 'tcp', fromPort: NFS, toPort: NFS };
  new VpcSecurityGroupIngressRule(scope, 'workspaces-nfs', {
    ...port,
    securityGroupId: group.id,
    referencedSecurityGroupId: net.workers.id,
    description: 'NFS from the workers',
  });
  new VpcSecurityGroupEgressRule(scope, 'workers-nfs', {
    ...port,
    securityGroupId: net.workers.id,
    referencedSecurityGroupId: group.id,
    description: 'NFS to the workspaces',
  });
  for (const [index, subnet] of net.subnets.entries()) {
    new EfsMountTarget(scope, `workspaces-mount-${index}`, {
      fileSystemId: fileSystem.id,
      subnetId: subnet.id,
      securityGroups: [group.id],
    });
  }
}

/** Nobody mounts without TLS. Who may mount at all is in the roles: a policy that only denies allows nothing. */
const tlsOnly = (arn: string): string =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'TlsOnly',
        Effect: 'Deny',
        Principal: { AWS: '*' },
        Action: [
          'elasticfilesystem:ClientMount',
          'elasticfilesystem:ClientWrite',
          'elasticfilesystem:ClientRootAccess',
        ],
        Resource: arn,
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      },
    ],
  });
