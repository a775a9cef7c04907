import { parseArgs } from 'node:util';
import { createStripeClient } from '../api/billing/deps.ts';
import { EnvError, readEnv } from '../shared/env.ts';
import { priceVariables } from './stripe/price-variables.ts';
import { setUpStripe, type StripeSetup } from './stripe/set-up.ts';

/** `bun run stripe:setup`: products, prices, meter and webhook endpoints in a Stripe account, once. */
const USAGE = `Usage: STRIPE_SECRET_KEY=sk_... bun run stripe:setup --currency usd --pro <amount> --enterprise <amount>
         --job <amount> --webhook-url https://<api>/webhooks/stripe

Creates what is missing in the account of the key and prints the environment that billing needs. Amounts are in
the currency's smallest unit: a month of each plan, and one billable job. Running it again changes nothing; with
another amount it makes a new price and keeps the old one for those who have it.
`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      currency: { type: 'string' },
      pro: { type: 'string' },
      enterprise: { type: 'string' },
      job: { type: 'string' },
      'webhook-url': { type: 'string' },
      help: { type: 'boolean', default: false, short: 'h' },
    },
  });
  const { currency, pro, enterprise, job, 'webhook-url': webhookUrl } = values;
  const amounts = [pro, enterprise, job].every(
    (amount) => amount !== undefined && /^\d+(\.\d{1,12})?$/.test(amount),
  );
  if (values.help || !amounts || currency === undefined || webhookUrl === undefined) {
    (values.help ? process.stdout : process.stderr).write(USAGE);
    return values.help ? 0 : 2;
  }
  const env = readEnv(
    process.env,
    ['STRIPE_SECRET_KEY', 'OUTPOST_STRIPE_METER_EVENT'],
    ['OUTPOST_STRIPE_URL'],
  );
  const baseUrl = env.OUTPOST_STRIPE_URL;
  const stripe = await createStripeClient(env.STRIPE_SECRET_KEY, baseUrl === undefined ? {} : { baseUrl });
  const setup = await setUpStripe(stripe, {
    currency,
    month: { pro: pro ?? '', enterprise: enterprise ?? '' },
    job: job ?? '',
    meterEvent: env.OUTPOST_STRIPE_METER_EVENT,
    webhookUrl,
  });
  process.stdout.write(report(setup));
  return 0;
}

/** That of the usual events and that of the meter's errors: each has a secret of its own. */
const ENDPOINTS = 2;

function report(setup: StripeSetup): string {
  const made = setup.created.length === 0 ? 'Nothing was missing.' : `Created: ${setup.created.join(', ')}.`;
  const secret =
    setup.webhookSecrets.length === ENDPOINTS
      ? `STRIPE_WEBHOOK_SECRET=${setup.webhookSecrets.join(',')}`
      : `# STRIPE_WEBHOOK_SECRET: the secrets of both endpoints, comma-separated. New: ${
          setup.webhookSecrets.join(',') || 'none'
        }; those that existed have theirs in the Stripe dashboard.`;
  return `${made}\n${Object.entries(priceVariables(setup))
    .map(([name, value]) => `${name}=${value}`)
    .join('\n')}\n${secret}\n`;
}

try {
  process.exit(await main());
} catch (error) {
  const known = error instanceof EnvError || error instanceof Error;
  process.stderr.write(`stripe:setup: ${known ? error.message : 'failed'}\n`);
  process.exit(1);
}
