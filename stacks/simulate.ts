import { runSimulation } from '@cloud-copilot/iam-simulate';
import { type } from 'arktype';

/**
 * `bun stacks/simulate.ts`: reads questions as JSON from its input, each whether IAM would allow a call by a policy
 * alone, and prints the answers as a list of booleans. Throws for a call that IAM does not know.
 */
const Questions = type('string.json.parse').to(
  type({
    policy: 'object',
    action: 'string',
    resource: 'string',
    account: 'string',
    context: 'Record<string, string>',
  }).array(),
);

const answers: boolean[] = [];
for (const { policy, action, resource, account, context } of Questions.assert(await Bun.stdin.text())) {
  const result = await runSimulation(
    {
      request: {
        principal: `arn:aws:iam::${account}:role/simulated`,
        action,
        resource: { resource, accountId: account },
        contextVariables: context,
      },
      identityPolicies: [{ name: 'policy', policy }],
      serviceControlPolicies: [],
      resourceControlPolicies: [],
    },
    {},
  );
  if (result.resultType === 'error') {
    throw new Error(`${action} on ${resource}: ${JSON.stringify(result.errors)}`);
  }
  answers.push(result.overallResult === 'Allowed');
}
process.stdout.write(`${JSON.stringify(answers)}\n`);
