// oxlint-disable eslint/no-new -- a construct registers itself with its scope
import { IamRole } from '@cdktf/provider-aws/lib/iam-role';
import { IamRolePolicy } from '@cdktf/provider-aws/lib/iam-role-policy';
import type { Construct } from 'constructs';
import { policyDocument, type Statement, trustDocument } from './policy.ts';

/** A role for one service with exactly these permissions. `account` limits who may lend it, where supported. */
export function role(
  scope: Construct,
  id: string,
  spec: {
    readonly name: string;
    readonly service: string;
    readonly account?: string;
    readonly statements: readonly Statement[];
  },
): IamRole {
  const made = new IamRole(scope, `${id}-role`, {
    name: spec.name,
    assumeRolePolicy: trustDocument(spec.service, spec.account),
  });
  new IamRolePolicy(scope, `${id}-policy`, {
    name: spec.name,
    role: made.id,
    policy: policyDocument(spec.statements),
  });
  return made;
}
