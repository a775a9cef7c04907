import { type } from 'arktype';
import type { EventDraft, Usage } from '../../../shared/model/event.ts';
import type { AgentVerdict, OutputParser } from '../parser.ts';
import { messageDraft, toolCallDraft, toolResultDraft } from './drafts.ts';
import { failed } from './failure.ts';
import { parseJsonLine } from './line.ts';

/** The JSON lines in the form of Anthropic messages, which both claude and grok write. */

const Block = type({
  type: 'string',
  'text?': 'string',
  'id?': 'string',
  'name?': 'string',
  'input?': 'unknown',
  'tool_use_id?': 'string',
  'content?': 'unknown',
  'is_error?': 'boolean | null',
});
type Block = typeof Block.infer;

const Turn = type({ type: "'assistant' | 'user'", message: { content: Block.array().or('string') } });
type Turn = typeof Turn.infer;

const count = 'number.integer >= 0';
const Result = type({
  type: "'result'",
  is_error: 'boolean',
  'subtype?': 'string',
  'result?': 'string | null',
  'errors?': 'string[]',
  'api_error_status?': 'number | null',
  'total_cost_usd?': 'number >= 0 | null',
  'usage?': { input_tokens: count, output_tokens: count },
  'modelUsage?': { '[string]': { inputTokens: count, outputTokens: count } },
});
type Result = typeof Result.infer;

/**
 * What a line must be is told by its type and not by a union of these: arktype 2.2.9 throws at a union where two
 * members of a record in it are no objects.
 */
const Typed = type({ type: 'string' });
const LINES = new Map<string, typeof Turn | typeof Result>([
  ['assistant', Turn],
  ['user', Turn],
  ['result', Result],
]);

const lineOf = (json: unknown): Turn | Result | null => {
  const typed = Typed(json);
  if (typed instanceof type.errors) return null;
  const line = LINES.get(typed.type)?.(json);
  return line === undefined || line instanceof type.errors ? null : line;
};

/** The text of a tool result, which is a string or a list of blocks. */
const Blocks = type({ 'text?': 'string' }).array();
const textOfContent = (content: unknown): string => {
  if (typeof content === 'string') return content;
  const blocks = Blocks(content);
  return blocks instanceof type.errors ? '' : blocks.map(({ text }) => text ?? '').join('\n');
};

const eventsOfBlock = (
  role: 'assistant' | 'user',
  block: Block,
  outputText: (text: string) => string,
): EventDraft[] => {
  if (role === 'assistant' && block.type === 'text') return messageDraft(block.text ?? '');
  if (role === 'assistant' && block.type === 'tool_use') {
    return [toolCallDraft(block.name ?? 'unknown', block.id, block.input)];
  }
  if (role === 'user' && block.type === 'tool_result') {
    const output = outputText(textOfContent(block.content));
    return [toolResultDraft(block.tool_use_id, block.is_error !== true, output)];
  }
  return [];
};

/** A cost of zero for tokens that were used means that the CLI knows no price. */
const costOf = (result: Result, tokens: number): number | null => {
  const cost = result.total_cost_usd ?? null;
  return cost === 0 && tokens > 0 ? null : cost;
};

/** Tokens over all models, helpers and sub-agents included, where the CLI lists them; else the main model's. */
const usageOf = (result: Result): Usage => {
  const models = Object.values(result.modelUsage ?? {});
  if (models.length === 0) {
    const { input_tokens = null, output_tokens = null } = result.usage ?? {};
    return {
      input_tokens,
      output_tokens,
      cost_usd: costOf(result, (input_tokens ?? 0) + (output_tokens ?? 0)),
    };
  }
  const input = models.reduce((sum, model) => sum + model.inputTokens, 0);
  const output = models.reduce((sum, model) => sum + model.outputTokens, 0);
  return { input_tokens: input, output_tokens: output, cost_usd: costOf(result, input + output) };
};

/** `is_error` decides: claude reports it together with subtype "success". */
const verdictOf = (result: Result): AgentVerdict => {
  if (!result.is_error) return { ok: true };
  const said = result.result ?? result.errors?.join('\n') ?? result.subtype ?? '';
  return failed(said, result.api_error_status ?? null);
};

/** `outputText` turns what a tool result holds into the text a person would see. */
export const createMessagesParser = (outputText: (content: string) => string): OutputParser => {
  let verdict: AgentVerdict | null = null;
  let usage: Usage | null = null;
  return {
    stdout(text) {
      const line = lineOf(parseJsonLine(text));
      if (line === null) return [];
      if (line.type === 'result') {
        verdict = verdictOf(line);
        usage = usageOf(line);
        return [{ type: 'usage', usage }];
      }
      const { content } = line.message;
      if (typeof content === 'string') return line.type === 'assistant' ? messageDraft(content) : [];
      return content.flatMap((block) => eventsOfBlock(line.type, block, outputText));
    },
    stderr: () => [],
    finish: () => ({ verdict, usage }),
  };
};
