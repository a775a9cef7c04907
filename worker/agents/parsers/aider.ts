import type { EventDraft, Usage } from '../../../shared/model/event.ts';
import type { AgentVerdict, OutputParser } from '../parser.ts';
import { messageDraft, toolCallDraft, toolResultDraft } from './drafts.ts';
import { failed } from './failure.ts';

/**
 * aider's plain text (`--no-pretty`): a banner, then for each turn the reply, `Tokens: ... Cost: ...` and
 * `Applied edit to ...`. It exits 0 whatever happens, so the text is the only witness.
 */

/** `Tokens: 1.2k sent, 3.4k cache hit, 20 received.` */
const TOKENS = /^Tokens: ([\d.]+k?) sent,.*?([\d.]+k?) received\./;
/** `Cost: $0.0032 message, $0.01 session.`, on the same line or the next. */
const SESSION_COST = /Cost: \$[\d.]+ message, \$([\d.]+) session\./;
const APPLIED = /^Applied edit to (.+)$/;
const ERROR = /^litellm\.\w*(?:Error|Exception)\b.*/;
const END_OF_BANNER = /^Repo-map: /;

/** A reply without end is cut: the raw output has it all. */
const MAX_REPLY = 32_768;

/** aider rounds: from a thousand up to a hundred, from ten thousand up to a thousand. */
const tokens = (text: string): number =>
  text.endsWith('k') ? Math.round(Number(text.slice(0, -1)) * 1_000) : Number(text);

export const createAiderParser = (): OutputParser => {
  let verdict: AgentVerdict | null = null;
  let usage: Usage | null = null;
  let inBanner = true;
  let reply = '';

  const flush = (): EventDraft[] => {
    const events = messageDraft(reply.trim());
    reply = '';
    return events;
  };

  const addTokens = (sent: string, received: string): void => {
    usage = {
      input_tokens: (usage?.input_tokens ?? 0) + tokens(sent),
      output_tokens: (usage?.output_tokens ?? 0) + tokens(received),
      cost_usd: usage?.cost_usd ?? null,
    };
    verdict = { ok: true };
  };

  /** Figures of a turn that has ended; the session's cost is the sum so far. */
  const figures = (line: string): EventDraft[] => {
    const [, sent, received] = TOKENS.exec(line) ?? [];
    if (sent !== undefined && received !== undefined) addTokens(sent, received);
    const cost = SESSION_COST.exec(line)?.[1];
    if (cost !== undefined && usage !== null) usage = { ...usage, cost_usd: Number(cost) };
    return usage === null ? [] : [...flush(), { type: 'usage', usage }];
  };

  return {
    stdout(line) {
      if (TOKENS.test(line) || SESSION_COST.test(line)) return figures(line);
      if (ERROR.test(line)) {
        verdict = failed(line);
        return flush();
      }
      const file = APPLIED.exec(line)?.[1];
      if (file !== undefined) {
        // Between figures and edits stand only the names of the files.
        reply = '';
        return [toolCallDraft('edit', undefined, { path: file }), toolResultDraft(undefined, true, '')];
      }
      if (END_OF_BANNER.test(line)) inBanner = false;
      else if (!inBanner && reply.length < MAX_REPLY) reply += `${line}\n`;
      return [];
    },
    stderr: () => [],
    finish: () => ({ verdict, usage }),
  };
};
