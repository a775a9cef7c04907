import type { AgentFailureCode, AgentVerdict } from '../parser.ts';

const KEY_WORDS =
  /unauthori[sz]ed|unauthenticated|authentication_?error|(?:invalid|incorrect) api key|invalid_api_key|api key not valid|api_key_invalid/i;
const RATE_WORDS = /rate.?limit|too many requests|resource.?exhausted|quota/i;
const SERVER_WORDS =
  /internal ?server ?error|server_error|overloaded|high demand|service ?unavailable|bad ?gateway|stream disconnected|error sending request|connection ?(?:refused|reset|error)|request timed out|fetch failed/i;

/** `status 401`, `status: 429`, `"code":500`, `(401)`, `API Error: 500`. */
const STATUS = /(?:\bstatus(?: code)?:?\s*|\bcode"?:\s*|\bAPI Error:\s*|\()([45]\d\d)\b/i;

const codeOfStatus = (status: number): AgentFailureCode | null => {
  if (status === 401 || status === 403) return 'provider_key_rejected';
  if (status === 429) return 'provider_rate_limited';
  return status >= 500 ? 'provider_error' : null;
};

const codeOfWords = (message: string): AgentFailureCode | null => {
  if (KEY_WORDS.test(message)) return 'provider_key_rejected';
  if (RATE_WORDS.test(message)) return 'provider_rate_limited';
  return SERVER_WORDS.test(message) ? 'provider_error' : null;
};

const MAX_MESSAGE = 500;

/**
 * The verdict on an agent that said that it failed. The HTTP status decides when it is known; a message may
 * carry it; words come last, since a rejected key can be a 400 (Gemini) and a full server has no status (codex).
 * Give it only what the CLI itself said, never the output of a tool.
 */
export const failed = (message: string, status: number | null = null): AgentVerdict => {
  const inMessage = STATUS.exec(message)?.[1];
  const known = status ?? (inMessage === undefined ? null : Number(inMessage));
  const code = (known === null ? null : codeOfStatus(known)) ?? codeOfWords(message) ?? 'agent_error';
  const short = message.trim().slice(0, MAX_MESSAGE).toWellFormed();
  return {
    ok: false,
    code,
    message: short === '' ? 'The agent reported a failure without a message.' : short,
  };
};
