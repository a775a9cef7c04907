/** One statement of an IAM policy. */
export type Statement = {
  readonly Sid?: string;
  readonly Effect: 'Allow' | 'Deny';
  readonly Action: readonly string[];
  readonly Resource: readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
};

/**
 * Actions that AWS authorizes on no resource, so that `*` is the only one a policy can name. Any other
 * statement on `*`, and any action with a wildcard, is refused.
 */
const WITHOUT_RESOURCE: Readonly<Record<string, string>> = {
  'ecr:GetAuthorizationToken':
    'https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html',
  'xray:PutTraceSegments':
    'https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html',
  'xray:PutTelemetryRecords':
    'https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html',
};

class PolicyError extends Error {
  override readonly name = 'PolicyError';
}

/** The statements as a policy document. Throws PolicyError for a wildcard that AWS does not require. */
export function policyDocument(statements: readonly Statement[]): string {
  for (const { Effect, Action, Resource } of statements) {
    if (Effect === 'Deny') continue;
    const wild = Action.find((action) => action.includes('*'));
    if (wild !== undefined) throw new PolicyError(`the action ${wild} has a wildcard`);
    const unbound = Action.find((action) => !Object.hasOwn(WITHOUT_RESOURCE, action));
    if (Resource.includes('*') && unbound !== undefined) {
      throw new PolicyError(`the action ${unbound} is allowed on every resource`);
    }
    if (Action.length === 0 || Resource.length === 0) throw new PolicyError('a statement allows nothing');
  }
  return JSON.stringify({ Version: '2012-10-17', Statement: statements });
}

/**
 * The document that lets an AWS service take a role; where the service supports it, for this account alone
 * (the confused deputy: https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html).
 */
export const trustDocument = (service: string, accountId?: string): string =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Principal: { Service: service },
        Action: 'sts:AssumeRole',
        ...(accountId === undefined
          ? {}
          : { Condition: { StringEquals: { 'aws:SourceAccount': accountId } } }),
      },
    ],
  });
