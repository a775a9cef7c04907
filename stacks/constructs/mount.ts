import type { Statement } from './policy.ts';

/** The right to mount a file system through one access point and no other way. */
export const mountStatement = (
  fileSystemArn: string,
  accessPointArn: string,
  actions: readonly ('ClientMount' | 'ClientRootAccess' | 'ClientWrite')[],
): Statement => ({
  Effect: 'Allow',
  Action: actions.map((action) => `elasticfilesystem:${action}`),
  Resource: [fileSystemArn],
  Condition: { StringEquals: { 'elasticfilesystem:AccessPointArn': accessPointArn } },
});
