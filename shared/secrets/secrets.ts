import type { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { type Provider, PROVIDERS } from '../agents.ts';

/** Where secrets lie. Names derive from the environment or from the authenticated tenant, never from input alone. */
export type Secrets = {
  readonly client: SecretsManagerClient;
  readonly environment: string;
};

/** Row S1. `name` is a provider (shared/agents.ts). */
export const providerKeySecret = (tenantId: string, name: string): string =>
  `/outpost/tenants/${tenantId}/api_keys/${name}`;

const PROVIDER_KEY = /^\/outpost\/tenants\/([0-9a-f-]{36})\/api_keys\/([a-z]+)$/;

/** Whose provider key a secret's name says it is; undefined for any other secret. */
export function parseProviderKeySecret(name: string): { tenantId: string; name: Provider } | undefined {
  const [, tenantId, provider] = PROVIDER_KEY.exec(name) ?? [];
  const known = (Object.keys(PROVIDERS) as Provider[]).find((each) => each === provider);
  return tenantId === undefined || known === undefined ? undefined : { tenantId, name: known };
}

export type PlatformSecret = 'pepper' | 'stripe_secret_key' | 'stripe_webhook_secret';

export const platformSecret = (environment: string, name: PlatformSecret): string =>
  `/outpost/${environment}/${name}`;
