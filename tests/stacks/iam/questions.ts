import { join } from 'node:path';
import type { RecordedCall } from '../../../local/aws/calls.ts';
import { ACCOUNT, TENANT, asList, resourceOf, type Stacks } from '../synthesis.ts';

/** What IAM is asked: whether a role's policy allows an action on a resource. */
export type Needed = {
  readonly action: string;
  readonly resource: string;
  /** What conditions look at, by key. */
  readonly context?: Readonly<Record<string, string>>;
};
export type Question = Needed & { readonly role: string };

export const ARN = (service: string, resource: string): string =>
  `arn:aws:${service}:us-east-1:${ACCOUNT}:${resource}`;

/** What only AWS knows of, and Terraform therefore writes as a reference. */
const INVENTED: readonly (readonly [RegExp, string])[] = [
  [/\$\{[^}]*aws_efs_access_point[^}]*\}/g, ARN('elasticfilesystem', 'access-point/fsap-0123456789abcdef0')],
  [/\$\{[^}]*aws_efs_file_system[^}]*\}/g, ARN('elasticfilesystem', 'file-system/fs-0123456789abcdef0')],
  [/\$\{[^}]*aws_ecr_repository[^}]*\}/g, ARN('ecr', 'repository/outpost-worker-prod')],
];
export const KEY = ARN('kms', 'key/11111111-2222-3333-4444-555555555555');

type Statement = { Effect: string; Action: string | string[]; Resource: string | string[] };

/** A role's policy, with an example for what only AWS knows. */
export function policyOf(stacks: Stacks, role: string): { Statement: Statement[] } {
  const text = String(resourceOf(stacks, 'aws_iam_role_policy', `${role}-policy`)['policy']);
  const known = INVENTED.reduce((each, [reference, arn]) => each.replaceAll(reference, arn), text);
  return JSON.parse(known.replaceAll(/\$\{[^}]+\}/g, KEY));
}

/** Every action that a role may take, with each resource it may take it on. */
export const grantsOf = (stacks: Stacks, role: string): Needed[] =>
  policyOf(stacks, role).Statement.flatMap(({ Action, Resource }) =>
    asList(Action).flatMap((action) => asList(Resource).map((resource) => ({ action, resource }))),
  );

/** Whether a grant speaks of a resource: `*` and `?` as IAM reads them. */
export const covers = (grant: Needed, needed: Needed): boolean =>
  grant.action === needed.action &&
  new RegExp(
    `^${grant.resource
      .replaceAll(/[.+^$()|[\]{}\\]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.')}$`,
  ).test(needed.resource);

/** Which of these IAM would allow. In a process of its own, as the simulator is a package of the stacks. */
export async function allowed(stacks: Stacks, questions: readonly Question[]): Promise<Question[]> {
  const asked = questions.map(({ role, action, resource, context = {} }) => ({
    policy: policyOf(stacks, role),
    action,
    resource,
    context,
    account: ACCOUNT,
  }));
  const child = Bun.spawn([process.execPath, join(import.meta.dir, '../../../stacks/simulate.ts')], {
    stdin: new Blob([JSON.stringify(asked)]),
    stdout: 'pipe',
    stderr: 'inherit',
  });
  const answers: boolean[] = JSON.parse(await new Response(child.stdout).text());
  if (answers.length !== questions.length) throw new Error('the simulator left questions open');
  return questions.filter((_, index) => answers[index]);
}

/** The operations whose permission has another name. */
const ACTIONS: Readonly<Record<string, string>> = {
  CompleteMultipartUpload: 'PutObject',
  CreateMultipartUpload: 'PutObject',
  HeadObject: 'GetObject',
  ListObjectsV2: 'ListBucket',
  UploadPart: 'PutObject',
};

/** What IAM is asked for calls on local AWS, had they been made on prod. */
export function neededFor(calls: readonly RecordedCall[]): Needed[] {
  const all = calls.flatMap(({ service, uses }) =>
    uses.map(({ operation, resource }) => ({
      action: `${service}:${ACTIONS[operation] ?? operation}`,
      resource: inProd(service, resource, operation),
      context: contextOf(resource, operation),
    })),
  );
  return [...new Map(all.map((each) => [`${each.action} ${each.resource}`, each])).values()];
}

/** What AWS would know of a call besides its action and resource. */
function contextOf(name: string, operation: string): Record<string, string> {
  if (operation === 'RunTask') return { 'ecs:cluster': ARN('ecs', 'cluster/outpost-prod') };
  if (operation === 'ListObjectsV2') return { 's3:prefix': `${name.split('/').slice(1).join('/')}/x` };
  return {};
}

function inProd(service: RecordedCall['service'], name: string, operation: string): string {
  const there = name.replace(/-local(?=$|\/index\/)/, '-prod');
  switch (service) {
    case 'dynamodb':
      return ARN('dynamodb', `table/${there}`);
    case 'sqs':
      return ARN('sqs', there);
    case 'ecs':
      // Of a task, the newest revision of its family.
      return operation === 'RunTask'
        ? ARN('ecs', `task-definition/outpost-dedicated-prod-${TENANT}:7`)
        : ARN('ecs', `service/outpost-prod/${there}`);
    case 's3': {
      const [bucket = '', ...key] = name.split('/');
      const arn = `arn:aws:s3:::${bucket.replace(/-local$/, `-prod-${ACCOUNT}`)}`;
      return operation === 'ListObjectsV2' ? arn : `${arn}/${key.join('/')}/x`;
    }
    case 'secretsmanager': {
      // A rotation names its secret by its ARN, which ends in a dash and six characters already.
      const [, known] = /:secret:(.*)$/.exec(name) ?? [];
      const secret = (known ?? `${name}-a1B2c3`).replace('/outpost/local/', '/outpost/prod/');
      return ARN('secretsmanager', `secret:${secret}`);
    }
  }
}
