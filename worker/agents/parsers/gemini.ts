import { type } from 'arktype';
import type { EventDraft, Usage } from '../../../shared/model/event.ts';
import type { AgentVerdict, OutputParser } from '../parser.ts';
import { messageDraft, toolCallDraft, toolResultDraft } from './drafts.ts';
import { failed } from './failure.ts';
import { parseJsonLine } from './line.ts';

/** `gemini -o stream-json`. https://geminicli.com/docs/cli/headless */

const count = 'number.integer >= 0';
const Failure = type({ message: 'string' });
const Message = type({ type: "'message'", role: 'string', content: 'string', 'delta?': 'boolean' });
const Line = Message.or({
  type: "'tool_use'",
  tool_name: 'string',
  'tool_id?': 'string',
  'parameters?': 'unknown',
})
  .or({
    type: "'tool_result'",
    'tool_id?': 'string',
    status: 'string',
    'output?': 'string | null',
    'error?': Failure.or('null'),
  })
  .or({
    type: "'result'",
    status: 'string',
    'error?': Failure.or('null'),
    'stats?': { input_tokens: count, output_tokens: count },
  });
type Line = typeof Line.infer;

/** Text arrives in pieces; they are gathered into one message, but not without end. */
const MAX_PENDING = 8_192;

/** `  status: 429` in the error report on stderr: the result line does not always carry the status. */
const STDERR_STATUS = /^\s*status: ([45]\d\d),?$/;

export const createGeminiParser = (): OutputParser => {
  let verdict: AgentVerdict | null = null;
  let usage: Usage | null = null;
  let pending = '';
  let status: number | null = null;

  const flush = (): EventDraft[] => {
    const events = messageDraft(pending);
    pending = '';
    return events;
  };

  const assistantText = (line: typeof Message.infer): EventDraft[] => {
    if (line.role !== 'assistant') return [];
    pending += line.content;
    return line.delta === true && pending.length < MAX_PENDING ? [] : flush();
  };

  const other = (line: Exclude<Line, { type: 'message' }>): EventDraft[] => {
    switch (line.type) {
      case 'tool_use':
        return [toolCallDraft(line.tool_name, line.tool_id, line.parameters)];
      case 'tool_result':
        return [
          toolResultDraft(line.tool_id, line.status === 'success', line.output ?? line.error?.message ?? ''),
        ];
      case 'result': {
        verdict = line.status === 'success' ? { ok: true } : failed(line.error?.message ?? '', status);
        const { input_tokens = null, output_tokens = null } = line.stats ?? {};
        usage = { input_tokens, output_tokens, cost_usd: null };
        return [{ type: 'usage', usage }];
      }
    }
  };

  return {
    stdout(text) {
      const line = Line(parseJsonLine(text));
      if (line instanceof type.errors) return [];
      return line.type === 'message' ? assistantText(line) : [...flush(), ...other(line)];
    },
    stderr(line) {
      const found = STDERR_STATUS.exec(line)?.[1];
      if (found !== undefined) status = Number(found);
      return [];
    },
    finish: () => ({ verdict, usage }),
  };
};
