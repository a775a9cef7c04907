import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { readEnv } from '../../shared/env.ts';
import { sendDue } from './deliveries.ts';
import { hostedPage } from './pages.ts';
import { createStripe, type StripeStandIn } from './stripe.ts';

/**
 * The Stripe stand-in as a process on loopback, with its state in SQLite. Prints one line of JSON with its
 * address. PUT /_outpost/webhook tells it where the API is; it sends its events there.
 */
const TICK_MS = 1000;

const { OUTPOST_DATA_DIR: dataDir, STRIPE_WEBHOOK_SECRET: secret } = readEnv(process.env, [
  'OUTPOST_DATA_DIR',
  'STRIPE_WEBHOOK_SECRET',
]);
const folder = join(dataDir, 'stripe');
mkdirSync(folder, { recursive: true, mode: 0o700 });

let webhookUrl: string | undefined;
const server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: (request) => answer(request) });
const pagesUrl = `http://127.0.0.1:${server.port}`;
const stripe: StripeStandIn = createStripe({ now: Date.now, file: join(folder, 'state.sqlite'), pagesUrl });

async function answer(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  if (pathname === '/health') return Response.json({ status: 'ok' });
  if (pathname === '/_outpost/webhook' && request.method === 'PUT') {
    webhookUrl = await request.text();
    return new Response(null, { status: 204 });
  }
  return hostedPage(stripe, request) ?? stripe.handle(request);
}

let sending = false;
const timer = setInterval(() => {
  stripe.advance();
  if (webhookUrl === undefined || sending) return;
  sending = true;
  void sendDue(stripe.state, { url: webhookUrl, secret }, () => Math.floor(Date.now() / 1000)).finally(() => {
    sending = false;
  });
}, TICK_MS);

async function stop(): Promise<void> {
  clearInterval(timer);
  await server.stop(true);
  stripe.state.close();
  process.exit(0);
}
process.on('SIGTERM', () => void stop());
process.on('SIGINT', () => void stop());
process.stdout.write(`${JSON.stringify({ endpoint: pagesUrl, pid: process.pid })}\n`);
