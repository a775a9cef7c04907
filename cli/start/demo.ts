import { EventSourceParserStream } from 'eventsource-parser/stream';
import { JobEvent } from '../../shared/model/event.ts';
import type { Client } from './client.ts';
import { paint, say } from './terminal.ts';

/** Runs one job as a tenant would: over HTTP, its events printed live. True when it succeeded. */
export async function runDemo(client: Client, agent: string, command: string): Promise<boolean> {
  const { job_id } = await client.call('POST', '/jobs', { agent, command });
  const jobId = String(job_id);
  say(`    ${paint('dim', 'POST /jobs ->')} ${jobId}`);
  const end = await follow(client, jobId);
  const output = await client.open(`/jobs/${jobId}/output`);
  const bytes = (await output.arrayBuffer()).byteLength;
  const ok = end.status === 'succeeded';
  const result = ok
    ? paint('green', end.status)
    : paint('red', `${end.status}: ${end.failure?.message ?? ''}`);
  say(`    ${result}${paint('dim', `, ${bytes} bytes of raw output at /jobs/${jobId}/output`)}`);
  return ok;
}

type EndEvent = Extract<JobEvent, { type: 'end' }>;

/** Follows a job to its end; a stream that is cut is continued after the last event that was seen. */
async function follow(client: Client, jobId: string): Promise<EndEvent> {
  let last = '0';
  for (;;) {
    const answer = await client.open(`/jobs/${jobId}/events`, { 'last-event-id': last });
    if (!answer.ok || answer.body === null)
      throw new Error(`GET /jobs/${jobId}/events answered ${answer.status}`);
    const stream = answer.body
      .pipeThrough(new TextDecoderStream())
      .pipeThrough(new EventSourceParserStream());
    for await (const message of stream) {
      last = message.id ?? last;
      const event = JobEvent.assert(JSON.parse(message.data));
      const line = describe(event);
      if (line !== undefined) say(`    ${paint('dim', event.at.slice(11, 23))} ${line}`);
      if (event.type === 'end') return event;
    }
  }
}

/** One event in a line; raw output is left out, since it is what the others were read from. */
function describe(event: JobEvent): string | undefined {
  switch (event.type) {
    case 'status':
      return label(
        'status',
        `${event.status} (attempt ${event.attempt})${event.message ? `: ${event.message}` : ''}`,
      );
    case 'message':
      return label('message', event.text);
    case 'tool_call':
      return label('tool_call', `${event.name} ${event.input}`);
    case 'tool_result':
      return label('tool_result', `${event.ok ? 'ok' : 'failed'} ${event.output}`);
    case 'usage':
      return label(
        'usage',
        `${event.usage.input_tokens ?? '?'} tokens in, ${event.usage.output_tokens ?? '?'} out`,
      );
    case 'end':
      return label('end', event.status);
    case 'stderr':
      return label('stderr', event.data.trimEnd());
    case 'stdout':
      return undefined;
  }
}

const LABEL_WIDTH = 12;
const LINE_SHOWN = 140;

const label = (name: string, text: string): string => {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return `${paint('cyan', name.padEnd(LABEL_WIDTH))}${line.length > LINE_SHOWN ? `${line.slice(0, LINE_SHOWN)}…` : line}`;
};
