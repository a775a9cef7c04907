import type { SNSClient } from '@aws-sdk/client-sns';
import type Stripe from 'stripe';
import { type Env, EnvError, type VariableName, VARIABLES } from '../../shared/env.ts';
import { readSecret } from '../../shared/secrets/read-secret.ts';
import { type PlatformSecret, platformSecret, type Secrets } from '../../shared/secrets/secrets.ts';
import type { BillingConfig } from './config.ts';
import type { SendAlert } from './raise-alerts.ts';
import type { Billing } from './stripe.ts';

/** What billing must be told. The two secrets may also lie in Secrets Manager. */
const REQUIRED = [
  'OUTPOST_STRIPE_PRO_PRICES',
  'OUTPOST_STRIPE_ENTERPRISE_PRICES',
  'OUTPOST_STRIPE_JOB_PRICES',
  'OUTPOST_STRIPE_METER',
  'OUTPOST_STRIPE_METER_EVENT',
  'OUTPOST_BILLING_RETURN_URL',
] as const satisfies VariableName[];

/** Read with a process's other variables; what is missing is said only where billing is on. */
export const BILLING_VARIABLES = [
  ...REQUIRED,
  'STRIPE_SECRET_KEY',
  'STRIPE_WEBHOOK_SECRET',
  'OUTPOST_STRIPE_URL',
] as const satisfies VariableName[];

/** An alert that hangs is handed over again with the next run. */
const PUBLISH_TIMEOUT_MS = 5_000;

/**
 * Hands quota alerts to an SNS topic, as JSON, with the tenant and the threshold as attributes to subscribe by.
 * The same alert may arrive again, under the same `alert_id`. Throws what SNS throws.
 */
export function createAlertTopic(
  topicArn: string,
  env: { readonly AWS_REGION: string; readonly AWS_ENDPOINT_URL?: string | undefined },
): SendAlert {
  let client: Promise<SNSClient> | undefined;
  return async (alert) => {
    const { PublishCommand } = await import('@aws-sdk/client-sns');
    client ??= createSnsClient(env);
    const attribute = (value: string) => ({ DataType: 'String', StringValue: value });
    const { tenantId, period, threshold } = alert;
    await (
      await client
    ).send(
      new PublishCommand({
        TopicArn: topicArn,
        Subject: `Outpost: ${threshold} % of a quota is used`,
        Message: JSON.stringify({
          alert_id: `${tenantId}#${period}#${threshold}`,
          type: 'quota.alert',
          tenant_id: tenantId,
          period_start: period,
          threshold,
        }),
        MessageAttributes: {
          tenant_id: attribute(tenantId),
          threshold: { DataType: 'Number', StringValue: String(threshold) },
        },
      }),
    );
  };
}

async function createSnsClient(env: Parameters<typeof createAlertTopic>[1]): Promise<SNSClient> {
  const sns = await import('@aws-sdk/client-sns');
  return new sns.SNSClient({
    region: env.AWS_REGION,
    requestHandler: { requestTimeout: PUBLISH_TIMEOUT_MS, throwOnRequestTimeout: true },
    ...(env.AWS_ENDPOINT_URL === undefined ? {} : { endpoint: env.AWS_ENDPOINT_URL }),
  });
}

type BillingEnv = Env<never, (typeof BILLING_VARIABLES)[number]>;

/** Of two endpoints (the usual events, the meter's errors), and the next of each while it is rotated. */
const WEBHOOK_SECRETS_MAX = 4;

/**
 * Builds billing. Throws EnvError with everything that is missing: with OUTPOST_BILLING=stripe there is no
 * start without it.
 */
export async function loadBilling(env: BillingEnv, secrets: Secrets): Promise<Billing> {
  const problems: string[] = [];
  const need = (name: (typeof REQUIRED)[number]): string => {
    const value = env[name];
    if (value === undefined) problems.push(`${name} is not set. ${VARIABLES[name].about}`);
    return value ?? '';
  };
  const secretOf = async (variable: 'STRIPE_SECRET_KEY' | 'STRIPE_WEBHOOK_SECRET', name: PlatformSecret) => {
    const path = platformSecret(secrets.environment, name);
    const value = env[variable] ?? (await readSecret(secrets, path));
    if (value === undefined) problems.push(`${variable} is not set and the secret ${path} does not exist.`);
    return value ?? '';
  };
  const config: BillingConfig = {
    planPrices: {
      pro: need('OUTPOST_STRIPE_PRO_PRICES').split(','),
      enterprise: need('OUTPOST_STRIPE_ENTERPRISE_PRICES').split(','),
    },
    jobPrices: need('OUTPOST_STRIPE_JOB_PRICES').split(','),
    meterId: need('OUTPOST_STRIPE_METER'),
    meterEvent: need('OUTPOST_STRIPE_METER_EVENT'),
    returnUrl: need('OUTPOST_BILLING_RETURN_URL'),
    webhookSecrets: (await secretOf('STRIPE_WEBHOOK_SECRET', 'stripe_webhook_secret')).split(','),
  };
  const secretKey = await secretOf('STRIPE_SECRET_KEY', 'stripe_secret_key');
  if (config.webhookSecrets.length > WEBHOOK_SECRETS_MAX) {
    problems.push(`STRIPE_WEBHOOK_SECRET has more than ${WEBHOOK_SECRETS_MAX} secrets.`);
  }
  if (problems.length > 0) throw new EnvError(problems);
  const { OUTPOST_STRIPE_URL: baseUrl } = env;
  return createBilling(config, secretKey, baseUrl === undefined ? {} : { baseUrl });
}

const TIMEOUT_MS = 10_000;
const RETRIES = 2;

type ClientOptions = {
  /** Leads to a stand-in; nothing else differs then. */
  readonly baseUrl?: string;
  readonly fetch?: typeof fetch;
  readonly timeoutMs?: number;
  readonly retries?: number;
};

/** Billing over the real SDK. */
export function createBilling(
  config: BillingConfig,
  secretKey: string,
  options: ClientOptions = {},
): Billing {
  let client: Promise<Stripe> | undefined;
  return { config, prices: new Map(), stripe: () => (client ??= createStripeClient(secretKey, options)) };
}

/** The SDK with the API version that it pins. Imported here: it costs every start milliseconds otherwise. */
export async function createStripeClient(secretKey: string, options: ClientOptions = {}): Promise<Stripe> {
  const { default: StripeClient } = await import('stripe');
  return new StripeClient(secretKey, {
    telemetry: false,
    timeout: options.timeoutMs ?? TIMEOUT_MS,
    maxNetworkRetries: options.retries ?? RETRIES,
    httpClient: StripeClient.createFetchHttpClient(options.fetch),
    ...originOf(options.baseUrl),
  });
}

function originOf(baseUrl: string | undefined) {
  if (baseUrl === undefined) return {};
  const { protocol, hostname, port } = new URL(baseUrl);
  const http = protocol === 'http:';
  const standard = http ? '80' : '443';
  return { protocol: http ? ('http' as const) : ('https' as const), host: hostname, port: port || standard };
}
