import { type } from 'arktype';
import type { EventDraft, Usage } from '../../../shared/model/event.ts';
import type { AgentVerdict, OutputParser } from '../parser.ts';
import { messageDraft, toolCallDraft, toolResultDraft } from './drafts.ts';
import { failed } from './failure.ts';
import { parseJsonLine } from './line.ts';

/** `codex exec --json`. https://developers.openai.com/codex/noninteractive */

const count = 'number.integer >= 0';
const Item = type({
  id: 'string',
  type: 'string',
  'text?': 'string',
  'status?': 'string',
  'exit_code?': 'number | null',
  'aggregated_output?': 'string | null',
});
type Item = typeof Item.infer;

const Line = type({ type: "'item.started' | 'item.completed'", item: Item })
  .or({ type: "'turn.completed'", 'usage?': type({ input_tokens: count, output_tokens: count }).or('null') })
  .or({ type: "'turn.failed'", error: { message: 'string' } });

/** Items that are no use of a tool. */
const NOT_TOOLS = new Set(['agent_message', 'reasoning', 'todo_list', 'error']);

/** What belongs to the result of a tool, or to the item itself, not to the tool's input. */
const NOT_INPUT = new Set(['id', 'type', 'status', 'exit_code', 'aggregated_output', 'result', 'error']);

const inputOf = (item: Item): Record<string, unknown> =>
  Object.fromEntries(Object.entries(item).filter(([name]) => !NOT_INPUT.has(name)));

const succeeded = (item: Item): boolean =>
  item.status !== 'failed' && item.status !== 'declined' && !item.exit_code;

export const createCodexParser = (): OutputParser => {
  let verdict: AgentVerdict | null = null;
  let usage: Usage | null = null;
  const started = new Set<string>();

  const eventsOfItem = (item: Item, done: boolean): EventDraft[] => {
    if (item.type === 'agent_message') return done ? messageDraft(item.text ?? '') : [];
    if (NOT_TOOLS.has(item.type)) return [];
    // Some tools, such as web search, report only their end.
    const call = started.has(item.id) ? [] : [toolCallDraft(item.type, item.id, inputOf(item))];
    if (!done) {
      started.add(item.id);
      return call;
    }
    started.delete(item.id);
    return [...call, toolResultDraft(item.id, succeeded(item), item.aggregated_output ?? '')];
  };

  return {
    stdout(text) {
      const line = Line(parseJsonLine(text));
      if (line instanceof type.errors) return [];
      switch (line.type) {
        case 'turn.failed':
          verdict = failed(line.error.message);
          return [];
        case 'turn.completed': {
          verdict = { ok: true };
          const { input_tokens = null, output_tokens = null } = line.usage ?? {};
          // Each turn repeats the sums of the whole thread.
          usage = { input_tokens, output_tokens, cost_usd: null };
          return [{ type: 'usage', usage }];
        }
        default:
          return eventsOfItem(line.item, line.type === 'item.completed');
      }
    },
    stderr: () => [],
    finish: () => ({ verdict, usage }),
  };
};
