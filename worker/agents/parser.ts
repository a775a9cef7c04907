import type { EventDraft, Usage } from '../../shared/model/event.ts';

/** What an agent's own terminal event said. Exit codes alone are no status: gemini exits 0 on SIGTERM. */
export type AgentVerdict =
  | { readonly ok: true }
  | { readonly ok: false; readonly code: AgentFailureCode; readonly message: string };

/** Why an agent failed, as far as its output tells. */
export type AgentFailureCode =
  | 'provider_key_rejected'
  | 'provider_rate_limited'
  | 'provider_error'
  | 'agent_error';

/**
 * Reads one agent's output line by line. Pure: no clock, no I/O. A line it does not know yields no events
 * and is no error, because the raw line is in the stream as stdout anyway.
 */
export type OutputParser = {
  /** One line of stdout without its line break, already redacted. */
  stdout(line: string): EventDraft[];
  /** One line of stderr. */
  stderr(line: string): EventDraft[];
  /** The verdict and usage when the stream has ended; verdict is null when no terminal event was seen. */
  finish(): { readonly verdict: AgentVerdict | null; readonly usage: Usage | null };
};
