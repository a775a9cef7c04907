import { type } from 'arktype';
import { NonNegativeInteger, Timestamp } from './primitives.ts';

/**
 * One event of a job: the same schema over all agents.
 *
 * `id` is `(attempt - 1) * 1e9 + n` with n from 1 in each attempt, so it never goes back: it is the SSE
 * event id, and `Last-Event-ID` replays from any of them.
 *
 * stdout and stderr carry every byte the agent wrote (redaction aside), so their concatenation is the raw
 * output; message, tool_call, tool_result and usage are what Outpost understood of it, in addition.
 */
const base = { id: 'number.integer >= 1 & number.safe', at: Timestamp } as const;

const counted = NonNegativeInteger.or('null');

/** Tokens and cost as the agent reported them; null where it does not say, never 0. */
export const Usage = type({
  input_tokens: counted,
  output_tokens: counted,
  cost_usd: 'number >= 0 | null',
});
export type Usage = typeof Usage.infer;

const StatusEvent = type({
  ...base,
  type: "'status'",
  status: "'running' | 'handed_back' | 'retrying' | 'truncated' | 'output_lost'",
  attempt: 'number.integer >= 1',
  'message?': 'string',
});

const OutputEvent = type({
  ...base,
  type: "'stdout' | 'stderr'",
  data: 'string',
  /** Set when the bytes are not UTF-8: `data` is then base64. */
  'encoding?': "'base64'",
});

const MessageEvent = type({ ...base, type: "'message'", text: 'string', 'truncated?': 'true' });

const ToolCallEvent = type({
  ...base,
  type: "'tool_call'",
  name: 'string',
  'call_id?': 'string',
  /** The tool's input as JSON text. */
  input: 'string',
  'truncated?': 'true',
});

const ToolResultEvent = type({
  ...base,
  type: "'tool_result'",
  'call_id?': 'string',
  ok: 'boolean',
  output: 'string',
  'truncated?': 'true',
});

const UsageEvent = type({ ...base, type: "'usage'", usage: Usage });

const EndEvent = type({
  ...base,
  type: "'end'",
  status: "'succeeded' | 'failed' | 'cancelled' | 'timed_out'",
  exit_code: 'number.integer | null',
  failure: type({ code: 'string', message: 'string' }).or('null'),
});

export const JobEvent = StatusEvent.or(OutputEvent)
  .or(MessageEvent)
  .or(ToolCallEvent)
  .or(ToolResultEvent)
  .or(UsageEvent)
  .or(EndEvent);
export type JobEvent = typeof JobEvent.infer;

/** An event before it is given its place in the stream. */
export type EventDraft = JobEvent extends infer E
  ? E extends JobEvent
    ? Omit<E, 'id' | 'at'>
    : never
  : never;

const EVENTS_PER_ATTEMPT = 1_000_000_000;

/** The id of the n-th event (from 1) of an attempt (from 1). */
export const eventId = (attempt: number, n: number): number => (attempt - 1) * EVENTS_PER_ATTEMPT + n;

/** The attempt that an event id belongs to. */
export const attemptOfEvent = (id: number): number => Math.ceil(id / EVENTS_PER_ATTEMPT);
