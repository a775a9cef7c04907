import { type } from 'arktype';
import type { Step } from './conversation.ts';
import { openaiError } from './openai-errors.ts';
import { type ModelRequest, type Protocol, type ScriptedAnswer, textOf } from './protocol.ts';
import { type ServerSentEvent, paced, untilAborted } from './stream.ts';
import { USAGE } from './turn.ts';

/** OpenAI chat completions. https://platform.openai.com/docs/api-reference/chat */

const Part = type({ 'text?': 'string' });
const Message = type({ role: 'string', 'content?': type('string').or(Part.array()).or('null') });
const Body = type({
  model: 'string',
  messages: Message.array(),
  'tools?': type({ 'function?': { name: 'string' } })
    .array()
    .or('null'),
  'stream?': 'boolean | null',
});

const stepsOf = (message: typeof Message.infer): Step[] => {
  if (message.role === 'tool') return [{ kind: 'tool_result' }];
  if (message.role !== 'user') return [];
  if (typeof message.content === 'string') return [{ kind: 'user', text: message.content }];
  return (message.content ?? []).flatMap(({ text }): Step[] =>
    text === undefined ? [] : [{ kind: 'user', text }],
  );
};

const usage = {
  prompt_tokens: USAGE.input,
  completion_tokens: USAGE.output,
  total_tokens: USAGE.input + USAGE.output,
  prompt_tokens_details: { cached_tokens: USAGE.cacheRead },
};

const finishReason = ({ turn }: ScriptedAnswer): string => (turn.kind === 'tool' ? 'tool_calls' : 'stop');

const toolCalls = ({ id, turn }: ScriptedAnswer) =>
  turn.kind === 'tool'
    ? [
        {
          index: 0,
          id: `call_${id}`,
          type: 'function',
          function: { name: turn.call.name, arguments: JSON.stringify(turn.call.input) },
        },
      ]
    : [];

const head = (request: ModelRequest, { id }: ScriptedAnswer) => ({
  id: `chatcmpl_${id}`,
  object: 'chat.completion.chunk',
  created: 1,
  model: request.conversation.model,
});

async function* events(
  request: ModelRequest,
  answer: ScriptedAnswer,
  signal: AbortSignal,
): AsyncGenerator<ServerSentEvent> {
  const { turn } = answer;
  const chunk = (delta: Record<string, unknown>, finish: string | null = null): ServerSentEvent => ({
    data: { ...head(request, answer), choices: [{ index: 0, delta, finish_reason: finish }] },
  });
  yield chunk({ role: 'assistant' });
  if (turn.kind === 'tool') yield chunk({ tool_calls: toolCalls(answer) });
  else {
    for await (const content of paced(turn.deltas, turn.intervalMs, signal)) yield chunk({ content });
    if (turn.hangs) return untilAborted(signal);
  }
  yield chunk({}, finishReason(answer));
  yield { data: { ...head(request, answer), choices: [], usage } };
  yield { data: '[DONE]' };
}

export const openaiChat: Protocol = {
  read(body) {
    const parsed = Body(body);
    if (parsed instanceof type.errors) return parsed.summary;
    return {
      conversation: {
        model: parsed.model,
        steps: parsed.messages.flatMap(stepsOf),
        tools: (parsed.tools ?? []).flatMap((tool) => tool.function?.name ?? []),
      },
      stream: parsed.stream === true,
      structured: false,
    };
  },
  fail: openaiError,
  whole(request, answer) {
    const { turn } = answer;
    const message =
      turn.kind === 'tool'
        ? { role: 'assistant', content: null, tool_calls: toolCalls(answer) }
        : { role: 'assistant', content: textOf(turn) };
    return {
      ...head(request, answer),
      object: 'chat.completion',
      choices: [{ index: 0, message, finish_reason: finishReason(answer) }],
      usage,
    };
  },
  events,
};
