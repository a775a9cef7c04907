import { createLineSplitter } from './lines.ts';
import type { Matcher } from './matcher.ts';
import { createRedactor } from './redactor.ts';
import { createCharacterSplitter } from './text-pieces.ts';

/** Where one stream's output goes: first the bytes, then the lines that they complete. */
export type StreamSink = {
  piece(bytes: Uint8Array): void;
  line(text: string): void;
};

/** How long the event loop may be kept from its timers by a flooding agent. */
const MAX_BUSY_MS = 20;

/**
 * Reads a pipe to its end as fast as it fills: bytes that nobody reads pile up in the runtime's memory, not in
 * the pipe. Redacts, then hands on whole characters and whole lines. Resolves at the end of the stream, at an
 * error of the pipe, or soon after `signal` aborts.
 */
export const readStream = async (
  stream: ReadableStream<Uint8Array>,
  matcher: Matcher,
  sink: StreamSink,
  signal: AbortSignal,
): Promise<void> => {
  const redactor = createRedactor(matcher);
  const characters = createCharacterSplitter();
  const lines = createLineSplitter();

  const pass = (bytes: Uint8Array): void => {
    for (const piece of characters.push(bytes)) sink.piece(piece);
    for (const line of lines.push(bytes)) sink.line(line);
  };

  const reader = stream.getReader();
  const cancel = (): void => void reader.cancel().catch(() => undefined);
  signal.addEventListener('abort', cancel, { once: true });
  if (signal.aborted) cancel();
  try {
    let busySince = performance.now();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      pass(redactor.push(value));
      if (performance.now() - busySince > MAX_BUSY_MS) {
        await Bun.sleep(0);
        busySince = performance.now();
      }
    }
  } finally {
    signal.removeEventListener('abort', cancel);
    pass(redactor.flush());
    for (const piece of characters.flush()) sink.piece(piece);
    for (const line of lines.flush()) sink.line(line);
  }
};
