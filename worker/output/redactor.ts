import { createMatcher } from './matcher.ts';
import type { Matcher } from './matcher.ts';
import { secretForms } from './secret-forms.ts';

/** What stands in the output for a run of secret bytes. */
export const REDACTED = '[redacted]';

/** Shorter values are no secrets: redacting them would tear the output apart. */
const MIN_SECRET_BYTES = 8;

/** Redacts one stream. Not shared between streams: it remembers what it holds back. */
export type Redactor = {
  /** The bytes that are decided now; may be empty, and may share memory with `chunk`. */
  push(chunk: Uint8Array): Uint8Array;
  /** What was held back, when the stream has ended. */
  flush(): Uint8Array;
};

/** Builds the automaton for a job's secrets once; every stream of the job gets a redactor of its own from it. */
export const createSecretMatcher = (secrets: readonly string[]): Matcher =>
  createMatcher(
    secrets.filter((secret) => Buffer.byteLength(secret) >= MIN_SECRET_BYTES).flatMap(secretForms),
  );

/** A run of bytes to redact, in positions of the stream: [start, end). */
type Run = { start: number; end: number };

/**
 * Replaces every occurrence of a secret (secret-forms.ts), overlapping ones as one, by `[redacted]`, and
 * passes every other byte unchanged, however the stream is cut into chunks. Holds back only the longest suffix
 * that could still become a secret.
 */
export const createRedactor = (matcher: Matcher): Redactor => {
  const marker = Buffer.from(REDACTED);
  let state = 0;
  /** The stream's position after the last byte read. */
  let position = 0;
  /** Undecided bytes: those before `position`. */
  let held: Uint8Array = new Uint8Array();
  /** Runs found in the undecided bytes, in order, apart from each other. */
  let runs: Run[] = [];
  /** The end of the last run whose marker is already out: what overlaps it needs no other. */
  let redactedUntil = 0;

  const add = (start: number, end: number): void => {
    let from = start;
    for (let last = runs.at(-1); last !== undefined && last.end > from; last = runs.at(-1)) {
      from = Math.min(from, last.start);
      runs.pop();
    }
    runs.push({ start: from, end });
  };

  const scan = (chunk: Uint8Array): void => {
    state = matcher.scan(state, chunk, (index, length) => {
      const end = position + index + 1;
      add(end - length, end);
    });
    position += chunk.length;
  };

  /** Emits what lies before `safe`; `bytes` are the undecided ones. */
  const emit = (bytes: Uint8Array, safe: number): Uint8Array => {
    const origin = position - bytes.length;
    const parts: Uint8Array[] = [];
    let cursor = origin;
    let kept = 0;
    for (const run of runs) {
      // No later match can begin before `safe`, so this run's beginning is final, if not its end.
      if (run.start >= safe) break;
      kept += 1;
      if (run.start >= redactedUntil) {
        parts.push(bytes.subarray(Math.max(cursor, redactedUntil) - origin, run.start - origin), marker);
      }
      redactedUntil = run.end;
      cursor = run.end;
    }
    runs = runs.slice(kept);
    const from = Math.max(cursor, redactedUntil, origin);
    if (from < safe) parts.push(bytes.subarray(from - origin, safe - origin));
    held = bytes.slice(safe - origin);
    return parts.length === 1 ? (parts[0] ?? new Uint8Array()) : Buffer.concat(parts);
  };

  return {
    push: (chunk) => {
      scan(chunk);
      const bytes = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
      return emit(bytes, position - matcher.undecided(state));
    },
    flush: () => emit(held, position),
  };
};
