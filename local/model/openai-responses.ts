import { type } from 'arktype';
import type { Step } from './conversation.ts';
import { openaiError } from './openai-errors.ts';
import { type ModelRequest, type Protocol, type ScriptedAnswer, textOf } from './protocol.ts';
import { type ServerSentEvent, paced, untilAborted } from './stream.ts';
import type { ToolCall } from './tools.ts';
import { USAGE } from './turn.ts';

/** OpenAI Responses, spoken by OpenAI and xAI. https://platform.openai.com/docs/api-reference/responses-streaming */

const Part = type({ 'type?': 'string', 'text?': 'string' });
const Tool = type({ 'type?': 'string', 'name?': 'string', 'tools?': type({ 'name?': 'string' }).array() });
const Item = type({
  'type?': 'string',
  'role?': 'string',
  'content?': type('string').or(Part.array()).or('null'),
  /** Codex offers tools in an item of type additional_tools. */
  'tools?': Tool.array(),
});
const Body = type({
  model: 'string',
  input: type('string').or(Item.array()),
  'tools?': Tool.array().or('null'),
  'stream?': 'boolean | null',
});

const stepsOf = (item: typeof Item.infer): Step[] => {
  if (item.type?.endsWith('_call_output')) return [{ kind: 'tool_result' }];
  if (item.role !== 'user') return [];
  if (typeof item.content === 'string') return [{ kind: 'user', text: item.content }];
  return (item.content ?? []).flatMap(({ text }): Step[] =>
    text === undefined ? [] : [{ kind: 'user', text }],
  );
};

/** The names of functions; codex groups some in a namespace. */
const toolNames = (tool: typeof Tool.infer): string[] => {
  const named = tool.type === 'namespace' ? (tool.tools ?? []) : [tool];
  return named.flatMap(({ name }) => name ?? []);
};

const usage = {
  input_tokens: USAGE.input,
  input_tokens_details: { cached_tokens: USAGE.cacheRead },
  output_tokens: USAGE.output,
  output_tokens_details: { reasoning_tokens: USAGE.reasoning },
  total_tokens: USAGE.input + USAGE.output,
};

const textPart = (text: string) => ({ type: 'output_text', text, annotations: [] });

const callItem = (id: string, { name, input }: ToolCall) =>
  typeof input === 'string'
    ? {
        type: 'custom_tool_call' as const,
        id: `ctc_${id}`,
        call_id: `call_${id}`,
        name,
        input,
        status: 'completed',
      }
    : {
        type: 'function_call' as const,
        id: `fc_${id}`,
        call_id: `call_${id}`,
        name,
        arguments: JSON.stringify(input),
        status: 'completed',
      };

const outputItem = ({ id, turn }: ScriptedAnswer) =>
  turn.kind === 'tool'
    ? callItem(id, turn.call)
    : {
        type: 'message' as const,
        id: `msg_${id}`,
        role: 'assistant',
        status: 'completed',
        content: [textPart(textOf(turn))],
      };

const response = (request: ModelRequest, { id }: ScriptedAnswer) => ({
  id: `resp_${id}`,
  object: 'response',
  created_at: 1,
  model: request.conversation.model,
  status: 'in_progress',
  output: [],
});

const completed = (request: ModelRequest, answer: ScriptedAnswer) => ({
  ...response(request, answer),
  status: 'completed',
  output: [outputItem(answer)],
  usage,
});

type Fields = Readonly<Record<string, unknown> & { type: string }>;

async function* functionCallEvents(item: {
  id: string;
  arguments: string;
  name: string;
}): AsyncGenerator<Fields> {
  const at = { item_id: item.id, output_index: 0 };
  yield {
    type: 'response.output_item.added',
    output_index: 0,
    item: { ...item, arguments: '', status: 'in_progress' },
  };
  yield { type: 'response.function_call_arguments.delta', ...at, delta: item.arguments };
  yield { type: 'response.function_call_arguments.done', ...at, arguments: item.arguments, name: item.name };
}

async function* customCallEvents(item: { id: string; input: string }): AsyncGenerator<Fields> {
  const at = { item_id: item.id, output_index: 0 };
  yield {
    type: 'response.output_item.added',
    output_index: 0,
    item: { ...item, input: '', status: 'in_progress' },
  };
  yield { type: 'response.custom_tool_call_input.delta', ...at, delta: item.input };
  yield { type: 'response.custom_tool_call_input.done', ...at, input: item.input };
}

async function* messageEvents(item: { id: string }, deltas: AsyncGenerator<string>): AsyncGenerator<Fields> {
  const at = { item_id: item.id, output_index: 0, content_index: 0 };
  yield {
    type: 'response.output_item.added',
    output_index: 0,
    item: { ...item, status: 'in_progress', content: [] },
  };
  yield { type: 'response.content_part.added', ...at, part: textPart('') };
  for await (const delta of deltas) yield { type: 'response.output_text.delta', ...at, delta };
}

async function* fields(
  request: ModelRequest,
  answer: ScriptedAnswer,
  signal: AbortSignal,
): AsyncGenerator<Fields> {
  const { turn } = answer;
  const item = outputItem(answer);
  yield { type: 'response.created', response: response(request, answer) };
  if (item.type === 'function_call') yield* functionCallEvents(item);
  else if (item.type === 'custom_tool_call') yield* customCallEvents(item);
  else if (turn.kind === 'text') {
    yield* messageEvents(item, paced(turn.deltas, turn.intervalMs, signal));
    if (turn.hangs) return untilAborted(signal);
    const text = textOf(turn);
    const at = { item_id: item.id, output_index: 0, content_index: 0 };
    yield { type: 'response.output_text.done', ...at, text };
    yield { type: 'response.content_part.done', ...at, part: textPart(text) };
  }
  yield { type: 'response.output_item.done', output_index: 0, item };
  yield { type: 'response.completed', response: completed(request, answer) };
}

async function* events(
  request: ModelRequest,
  answer: ScriptedAnswer,
  signal: AbortSignal,
): AsyncGenerator<ServerSentEvent> {
  let sequence = 0;
  for await (const event of fields(request, answer, signal)) {
    yield { event: event.type, data: { ...event, sequence_number: sequence } };
    sequence += 1;
  }
}

export const openaiResponses: Protocol = {
  read(body) {
    const parsed = Body(body);
    if (parsed instanceof type.errors) return parsed.summary;
    const steps: Step[] =
      typeof parsed.input === 'string'
        ? [{ kind: 'user', text: parsed.input }]
        : parsed.input.flatMap(stepsOf);
    const late = typeof parsed.input === 'string' ? [] : parsed.input.flatMap((item) => item.tools ?? []);
    return {
      conversation: {
        model: parsed.model,
        steps,
        tools: [...(parsed.tools ?? []), ...late].flatMap(toolNames),
      },
      stream: parsed.stream === true,
      structured: false,
    };
  },
  fail: openaiError,
  whole: completed,
  events,
};
