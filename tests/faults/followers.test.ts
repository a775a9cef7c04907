import { afterAll, afterEach, beforeAll, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { createParser } from 'eventsource-parser';
import type { TestTenant } from '../harness/outpost.ts';
import {
  HOOK_MS,
  type Crew,
  expectNoGap,
  hire,
  hasWritten,
  startWorld,
  TAKEOVER_MS,
  type World,
} from '../worker/loop/fixture.ts';
import { SCALE } from './shown.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

let world: World;
let crew: Crew;

beforeAll(async () => {
  world = await startWorld({ functions: true });
  crew = hire(world);
}, HOOK_MS);
afterAll(() => world.stop(), HOOK_MS);
afterEach(() => crew.dismiss(), HOOK_MS);

const FOLLOWERS = 2 + 2 * SCALE;
const LINES = 60;
/** A connection is cut after so many events or so many milliseconds at most. */
const EVENTS_MAX = 12;
const MILLISECONDS_MAX = 1_200;

type Seen = { ids: number[]; ended: boolean; connections: number };

/** Follows a job over HTTP, cutting its connection at random and going on after the last event that it saw. */
const follow = async (tenant: TestTenant, jobId: string): Promise<Seen> => {
  const seen: Seen = { ids: [], ended: false, connections: 0 };
  while (!seen.ended) {
    seen.connections += 1;
    await connectOnce(tenant, jobId, seen);
    await Bun.sleep(Math.random() * 300);
  }
  return seen;
};

const connectOnce = async (tenant: TestTenant, jobId: string, seen: Seen): Promise<void> => {
  const cut = new AbortController();
  const timer = setTimeout(() => cut.abort(), Math.random() * MILLISECONDS_MAX);
  let left = 1 + Math.floor(Math.random() * EVENTS_MAX);
  const parser = createParser({
    onEvent: ({ id, event }) => {
      // What arrives after the cut is not seen.
      if (cut.signal.aborted) return;
      seen.ids.push(Number(id));
      seen.ended = event === 'end';
      left -= 1;
      if (left === 0) cut.abort();
    },
  });
  try {
    const answer = await fetch(`${world.api.endpoint}/jobs/${jobId}/events`, {
      headers: {
        authorization: `Bearer ${tenant.apiKey}`,
        'last-event-id': String(seen.ids.at(-1) ?? 0),
      },
      signal: cut.signal,
    });
    expect(answer.status).toBe(200);
    const decoder = new TextDecoder();
    for await (const chunk of answer.body ?? []) parser.feed(decoder.decode(chunk, { stream: true }));
  } catch (error) {
    if (!cut.signal.aborted) throw error;
  } finally {
    clearTimeout(timer);
  }
};

test('followers that lose their connection at random see every event once, in order (row J3)', async () => {
  const tenant = await world.tenant();
  const lines = `for n in $(seq ${LINES}); do echo line $n; sleep 0.1; done`;
  const jobId = await world.submit(tenant, `[ -e again ] || echo first; touch again; ${lines}`);
  const first = await crew.start();
  const following = Promise.all(Array.from({ length: FOLLOWERS }, () => follow(tenant, jobId)));
  // They also live through the loss of a worker, and the next attempt.
  await hasWritten(world, tenant, jobId, 'line 5\n');
  await first.kill();
  await crew.start();
  const job = await world.until(tenant, jobId, undefined, 2 * TAKEOVER_MS);
  expect(job).toMatchObject({ status: 'succeeded', attempt: 2 });

  const events = await world.events(tenant, jobId);
  expectNoGap(events);
  const ids = events.map((event) => event.id);
  const last = ids.at(-1) ?? 0;
  let cuts = 0;
  for (const seen of await following) {
    expect(seen.ids).toEqual([...ids, last + 1]);
    cuts += seen.connections - 1;
  }
  expect(cuts).toBeGreaterThan(FOLLOWERS);
}, 600_000);
