import { type } from 'arktype';
import type { Step } from './conversation.ts';
import { type Protocol, type ScriptedAnswer, textOf } from './protocol.ts';
import { type ServerSentEvent, paced, untilAborted } from './stream.ts';
import { type ErrorStatus, USAGE } from './turn.ts';

/** Gemini generateContent and streamGenerateContent. https://ai.google.dev/api/generate-content */

const Part = type({ 'text?': 'string', 'functionResponse?': 'object' });
const Content = type({ 'role?': 'string', 'parts?': Part.array() });
const Body = type({
  contents: Content.array(),
  'tools?': type({ 'functionDeclarations?': type({ name: 'string' }).array() }).array(),
  'generationConfig?': { 'responseMimeType?': 'string' },
});

const STATUSES: Record<ErrorStatus | 400, string> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  429: 'RESOURCE_EXHAUSTED',
  500: 'INTERNAL',
};

/** What gemini-cli's own helper questions (model routing, next speaker) expect as JSON. */
const HELPER_ANSWER = {
  reasoning: 'scripted',
  model_choice: 'flash',
  complexity_reasoning: 'scripted',
  complexity_score: 1,
  next_speaker: 'user',
};

const stepsOf = (content: typeof Content.infer): Step[] => {
  if (content.role === 'model') return [];
  return (content.parts ?? []).flatMap((part): Step[] => {
    if (part.functionResponse !== undefined) return [{ kind: 'tool_result' }];
    return part.text === undefined ? [] : [{ kind: 'user', text: part.text }];
  });
};

const usageMetadata = {
  promptTokenCount: USAGE.input,
  candidatesTokenCount: USAGE.output,
  totalTokenCount: USAGE.input + USAGE.output,
  cachedContentTokenCount: USAGE.cacheRead,
};

const chunk = (model: string, id: string, parts: unknown[], finishReason: string | null) => ({
  candidates: [
    { index: 0, content: { role: 'model', parts }, ...(finishReason === null ? {} : { finishReason }) },
  ],
  usageMetadata,
  modelVersion: model,
  responseId: id,
});

/** The API wants a thought signature with function calls; any base64 text serves here. */
const THOUGHT_SIGNATURE = 'c2NyaXB0ZWQ=';

const functionCall = ({ turn }: ScriptedAnswer): unknown[] =>
  turn.kind === 'tool'
    ? [
        {
          functionCall: { name: turn.call.name, args: turn.call.input },
          thoughtSignature: THOUGHT_SIGNATURE,
        },
      ]
    : [];

async function* events(
  model: string,
  answer: ScriptedAnswer,
  signal: AbortSignal,
): AsyncGenerator<ServerSentEvent> {
  const { id, turn } = answer;
  if (turn.kind === 'tool') {
    yield { data: chunk(model, id, functionCall(answer), 'STOP') };
    return;
  }
  for await (const text of paced(turn.deltas, turn.intervalMs, signal)) {
    yield { data: chunk(model, id, [{ text }], null) };
  }
  if (turn.hangs) return untilAborted(signal);
  yield { data: chunk(model, id, [{ text: '' }], 'STOP') };
}

/** The protocol for one call: Gemini names model and method in the path, not in the body. */
export const gemini = (model: string, stream: boolean): Protocol => ({
  read(body) {
    const parsed = Body(body);
    if (parsed instanceof type.errors) return parsed.summary;
    return {
      conversation: {
        model,
        steps: parsed.contents.flatMap(stepsOf),
        tools: (parsed.tools ?? []).flatMap((tool) =>
          (tool.functionDeclarations ?? []).map(({ name }) => name),
        ),
      },
      stream,
      structured: parsed.generationConfig?.responseMimeType === 'application/json',
    };
  },
  fail: (status, message) =>
    Response.json({ error: { code: status, message, status: STATUSES[status] } }, { status }),
  whole(request, answer) {
    const { id, turn } = answer;
    if (request.structured) return chunk(model, id, [{ text: JSON.stringify(HELPER_ANSWER) }], 'STOP');
    return chunk(model, id, turn.kind === 'tool' ? functionCall(answer) : [{ text: textOf(turn) }], 'STOP');
  },
  events: (_request, answer, signal) => events(model, answer, signal),
});

/** The answer to countTokens. */
export const geminiTokenCount = { totalTokens: USAGE.input } as const;
