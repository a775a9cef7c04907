import { type } from 'arktype';
import type { Step } from './conversation.ts';
import type { ModelRequest, Protocol, ScriptedAnswer } from './protocol.ts';
import { type ServerSentEvent, paced, untilAborted } from './stream.ts';
import { type ErrorStatus, USAGE } from './turn.ts';

/** Anthropic Messages. https://platform.claude.com/docs/en/api/messages-streaming */

const Block = type({ type: 'string', 'text?': 'string' });
const Body = type({
  model: 'string',
  messages: type({ role: 'string', content: type('string').or(Block.array()) }).array(),
  'tools?': type({ 'name?': 'string' }).array(),
  'stream?': 'boolean',
});

const ERROR_TYPES: Record<ErrorStatus | 400, string> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  429: 'rate_limit_error',
  500: 'api_error',
};

const stepsOf = (message: (typeof Body.infer)['messages'][number]): Step[] => {
  if (message.role !== 'user') return [];
  if (typeof message.content === 'string') return [{ kind: 'user', text: message.content }];
  return message.content.flatMap((block): Step[] => {
    if (block.type === 'tool_result') return [{ kind: 'tool_result' }];
    return block.text === undefined ? [] : [{ kind: 'user', text: block.text }];
  });
};

const inputUsage = {
  input_tokens: USAGE.input,
  cache_creation_input_tokens: USAGE.cacheWrite,
  cache_read_input_tokens: USAGE.cacheRead,
};

const contentBlock = ({ id, turn }: ScriptedAnswer) =>
  turn.kind === 'tool'
    ? { type: 'tool_use', id: `toolu_${id}`, name: turn.call.name, input: turn.call.input }
    : { type: 'text', text: turn.deltas.join('') };

const stopReason = (answer: ScriptedAnswer): string =>
  answer.turn.kind === 'tool' ? 'tool_use' : 'end_turn';

const message = (request: ModelRequest, { id }: ScriptedAnswer) => ({
  id: `msg_${id}`,
  type: 'message',
  role: 'assistant',
  model: request.conversation.model,
  content: [],
  stop_reason: null,
  stop_sequence: null,
  usage: { ...inputUsage, output_tokens: 1 },
});

const event = (name: string, fields: Record<string, unknown> = {}): ServerSentEvent => ({
  event: name,
  data: { type: name, ...fields },
});

async function* events(
  request: ModelRequest,
  answer: ScriptedAnswer,
  signal: AbortSignal,
): AsyncGenerator<ServerSentEvent> {
  const { turn } = answer;
  yield event('message_start', { message: message(request, answer) });
  const block = contentBlock(answer);
  const empty = block.type === 'tool_use' ? { ...block, input: {} } : { ...block, text: '' };
  yield event('content_block_start', { index: 0, content_block: empty });
  if (turn.kind === 'tool') {
    const delta = { type: 'input_json_delta', partial_json: JSON.stringify(turn.call.input) };
    yield event('content_block_delta', { index: 0, delta });
  } else {
    for await (const text of paced(turn.deltas, turn.intervalMs, signal)) {
      yield event('content_block_delta', { index: 0, delta: { type: 'text_delta', text } });
    }
    if (turn.hangs) return untilAborted(signal);
  }
  yield event('content_block_stop', { index: 0 });
  yield event('message_delta', {
    delta: { stop_reason: stopReason(answer), stop_sequence: null },
    usage: { output_tokens: USAGE.output },
  });
  yield event('message_stop');
}

export const anthropic: Protocol = {
  read(body) {
    const parsed = Body(body);
    if (parsed instanceof type.errors) return parsed.summary;
    return {
      conversation: {
        model: parsed.model,
        steps: parsed.messages.flatMap(stepsOf),
        tools: (parsed.tools ?? []).flatMap(({ name }) => name ?? []),
      },
      stream: parsed.stream === true,
      structured: false,
    };
  },
  fail: (status, text) =>
    Response.json({ type: 'error', error: { type: ERROR_TYPES[status], message: text } }, { status }),
  whole: (request, answer) => ({
    ...message(request, answer),
    content: [contentBlock(answer)],
    stop_reason: stopReason(answer),
    usage: { ...inputUsage, output_tokens: USAGE.output },
  }),
  events,
};

/** The answer to POST /v1/messages/count_tokens. */
export const anthropicTokenCount = { input_tokens: USAGE.input } as const;
