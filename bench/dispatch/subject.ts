import { EventSourceParserStream } from 'eventsource-parser/stream';
import { DATE } from '../measure/agents.ts';
import { wallClock } from '../measure/wall-clock.ts';

/** A system that accepts jobs over HTTP and runs the agent that writes when it started. */
export type Subject = {
  readonly name: string;
  readonly endpoint: string;
};

/** When things happened to one job, in epoch milliseconds. */
export type Dispatched = {
  readonly sent: number;
  readonly accepted: number;
  /** The agent's process ran. */
  readonly spawned: number;
  /** A follower who came right after the answer saw the first event. */
  readonly seen: number;
  /** The end was seen by whoever asked for it. */
  readonly ended: number;
};

const headersOf = (apiKey: string): Record<string, string> => ({
  authorization: `Bearer ${apiKey}`,
  'content-type': 'application/json',
});

/** Submits one job and follows its events to their end. */
export async function dispatch(subject: Subject, apiKey: string, workspace: string): Promise<Dispatched> {
  const sent = wallClock();
  const answer = await fetch(`${subject.endpoint}/jobs`, {
    method: 'POST',
    headers: headersOf(apiKey),
    body: JSON.stringify({ agent: DATE.id, command: 'now', workspace }),
  });
  const text = await answer.text();
  const accepted = wallClock();
  if (answer.status !== 202) throw new Error(`${subject.name}: POST /jobs: ${answer.status} ${text}`);
  const { job_id: jobId }: { job_id: string } = JSON.parse(text);
  return { sent, accepted, ...(await follow(subject, jobId, apiKey)), ended: wallClock() };
}

type Event = { readonly type: string; readonly data?: string };

async function follow(
  subject: Subject,
  jobId: string,
  apiKey: string,
): Promise<Pick<Dispatched, 'spawned' | 'seen'>> {
  const answer = await fetch(`${subject.endpoint}/jobs/${jobId}/events`, {
    headers: { ...headersOf(apiKey), 'last-event-id': '0' },
  });
  if (!answer.ok || answer.body === null) throw new Error(`${subject.name}: GET events: ${answer.status}`);
  const events = answer.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
  let seen: number | undefined;
  let output = '';
  for await (const { data } of events) {
    seen ??= wallClock();
    const event: Event = JSON.parse(data);
    if (event.type === 'stdout') output += event.data ?? '';
    if (event.type === 'end') break;
  }
  const spawned = Number(output.trim()) / 1e6;
  if (seen === undefined || !(spawned > 0)) {
    throw new Error(`${subject.name}: the agent of ${jobId} wrote ${JSON.stringify(output)}`);
  }
  return { spawned, seen };
}
