import type { State } from './state.ts';
import { sign } from './webhooks.ts';

const FIRST_RETRY_SECONDS = 5;
const RETRIES_MAX = 12;

/** Sends the events that are due, one after the other; one that is not taken comes again, later each time. */
export async function sendDue(
  state: State,
  target: { url: string; secret: string },
  now: () => number,
): Promise<void> {
  for (const delivery of state.deliveries.all()) {
    if (delivery.dueAt > now()) continue;
    const taken = await send(delivery.body, target, now());
    const attempts = delivery.attempts + 1;
    if (taken || attempts > RETRIES_MAX) state.deliveries.remove(delivery.id);
    else
      state.deliveries.put({
        ...delivery,
        attempts,
        dueAt: now() + FIRST_RETRY_SECONDS * 2 ** delivery.attempts,
      });
  }
}

async function send(
  body: string,
  { url, secret }: { url: string; secret: string },
  now: number,
): Promise<boolean> {
  try {
    const headers = { 'content-type': 'application/json', 'stripe-signature': await sign(body, secret, now) };
    const answer = await fetch(url, { method: 'POST', headers, body });
    await answer.body?.cancel();
    return answer.ok;
  } catch (error) {
    process.stderr.write(
      `an event was not delivered: ${error instanceof Error ? error.message : 'unknown'}\n`,
    );
    return false;
  }
}
