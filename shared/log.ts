import { redactCredentials } from './redact-credentials.ts';

/**
 * Structured logs: one JSON object a line, one canonical line per unit of work (a request, a job, a sweep).
 * Fields are data, never prompts or answers; what looks like a credential is cut out all the same.
 */
export type LogFields = Readonly<Record<string, unknown>>;

export type Log = {
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
  /** A log whose lines all carry these fields. */
  with(fields: LogFields): Log;
};

/** A log that hands finished lines to `write` (standard output, or a test). */
export function createLog(
  write: (line: string) => void,
  base: LogFields = {},
  now: () => number = Date.now,
): Log {
  const emit = (level: string, event: string, fields: LogFields = {}): void => {
    // First, to be read first; and last, so that no field of that name replaces it.
    const stamp = { at: new Date(now()).toISOString(), level, event };
    write(redactCredentials(JSON.stringify({ ...stamp, ...base, ...fields, ...stamp })));
  };
  return {
    info: (event, fields) => emit('info', event, fields),
    warn: (event, fields) => emit('warn', event, fields),
    error: (event, fields) => emit('error', event, fields),
    with: (fields) => createLog(write, { ...base, ...fields }, now),
  };
}
