import type { ErrorStatus } from './turn.ts';

const KINDS: Record<ErrorStatus | 400, { readonly type: string; readonly code: string | null }> = {
  400: { type: 'invalid_request_error', code: 'invalid_request' },
  401: { type: 'invalid_request_error', code: 'invalid_api_key' },
  429: { type: 'rate_limit_exceeded', code: 'rate_limit_exceeded' },
  500: { type: 'server_error', code: null },
};

/** OpenAI's own words, by which clients tell a rejected key from another bad request. */
const PREFIXES: Record<ErrorStatus | 400, string> = {
  400: '',
  401: 'Incorrect API key provided. ',
  429: '',
  500: '',
};

/** The error form that OpenAI and xAI share over both of their protocols. */
export const openaiError = (status: ErrorStatus | 400, message: string): Response =>
  Response.json(
    { error: { message: `${PREFIXES[status]}${message}`, param: null, ...KINDS[status] } },
    { status },
  );
