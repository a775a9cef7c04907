// oxlint-disable eslint/no-new -- a construct registers itself with its scope
import { AwsProvider } from '@cdktf/provider-aws/lib/provider';
import { type App, LocalBackend, S3Backend, TerraformStack } from 'cdktf';
import type { Settings } from '../settings.ts';

/** The first that knows `invoked_via_function_url`; the bindings are made from 6.25.0. */
const PROVIDER_VERSION = '6.29.0';

/**
 * An empty stack of a deployment: its provider, which refuses any other account, and its state. A state of its
 * own for each stack keeps the blast radius of a change small.
 */
export function outpostStack(app: App, name: string, settings: Settings): TerraformStack {
  const id = `outpost-${name}-${settings.environment}`;
  const stack = new TerraformStack(app, id);
  new AwsProvider(stack, 'aws', {
    region: settings.region,
    allowedAccountIds: [settings.accountId],
    defaultTags: [{ tags: { application: 'outpost', environment: settings.environment } }],
  });
  stack.addOverride('terraform.required_providers.aws.version', PROVIDER_VERSION);
  const key = `outpost/${settings.environment}/${id}.tfstate`;
  if (settings.state === null) {
    // From the stack's folder in cdktf.out, where Terraform runs, to the repository's root.
    new LocalBackend(stack, { path: `../../../.outpost/terraform/${settings.accountId}/${key}` });
    return stack;
  }
  const { bucket, region } = settings.state;
  new S3Backend(stack, { bucket, region, key, encrypt: true });
  // The bindings do not know it yet; it needs Terraform 1.10.
  stack.addOverride('terraform.backend.s3.use_lockfile', true);
  return stack;
}
