import { type SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { Check } from '../contract.ts';
import { DELETION_CHECKS } from './deletion-checks.ts';
import { LISTING_CHECKS } from './listing-checks.ts';
import { VALUE_CHECKS } from './value-checks.ts';

/** What Outpost relies on in Secrets Manager, as a function of a client. */
export const SECRETS_CONTRACT: readonly Check<SecretsManagerClient>[] = [
  ...VALUE_CHECKS,
  ...DELETION_CHECKS,
  ...LISTING_CHECKS,
];
