import type { Clock } from '../../shared/clock.ts';
import { isoTime } from '../../shared/clock.ts';
import { eventId } from '../../shared/model/event.ts';
import type { EventDraft } from '../../shared/model/event.ts';
import type { ChunkRange } from '../../shared/output/keys.ts';
import type { ChunkSpool } from './chunk-spool.ts';
import { encodeData, MAX_PIECE_BYTES } from './text-pieces.ts';

/** A chunk is closed when it holds this much, or a second after its first event. */
const CHUNK_BYTES = 256 * 1024;

type OutputType = 'stdout' | 'stderr';

/** Gives events their ids and times and gathers them into chunks on the spool. */
export type EventLog = {
  append(draft: EventDraft): void;
  /** Output bytes; runs of one stream are gathered into one event. */
  appendOutput(type: OutputType, bytes: Uint8Array): void;
  /** Closes the chunk in progress, if there is anything in it. */
  flush(): void;
  /** Serialized size of all events so far, in bytes. */
  bytes(): number;
  /** Events that found no room on the spool and are not yet reported in the stream. */
  lost(): ChunkRange | null;
};

/**
 * Events that do not fit the spool are lost; the next chunk that fits then covers their ids and begins with
 * an `output_lost` event under the last of them, so that readers see no hole but the truth.
 */
export const createEventLog = (
  attempt: number,
  clock: Clock,
  spool: ChunkSpool,
  onChunk: () => void,
): EventLog => {
  let next = eventId(attempt, 1);
  let first = next;
  /** The chunk in progress: written in place, so that a flood leaves no garbage behind. */
  let chunk = Buffer.allocUnsafe(2 * CHUNK_BYTES);
  let size = 0;
  let total = 0;
  let open: { type: OutputType; parts: Uint8Array[]; bytes: number } | null = null;
  let lost: ChunkRange | null = null;

  const serialize = (draft: EventDraft, id: number): string =>
    `${JSON.stringify({ id, at: isoTime(clock.now()), ...draft })}\n`;

  const add = (draft: EventDraft): void => {
    const line = serialize(draft, next);
    next += 1;
    const bytes = Buffer.byteLength(line);
    if (size + bytes > chunk.length) {
      chunk = Buffer.concat([chunk.subarray(0, size)], 2 * (size + bytes));
    }
    size += chunk.write(line, size);
    total += bytes;
    if (size >= CHUNK_BYTES) closeChunk();
  };

  const closeOutput = (): void => {
    if (open === null) return;
    const { type, parts } = open;
    open = null;
    add({ type, ...encodeData(Buffer.concat(parts)) });
  };

  const closeChunk = (): void => {
    if (size === 0 && lost === null) return;
    const range = { first: lost?.first ?? first, last: next - 1 };
    const events = chunk.subarray(0, size);
    const report = lost === null ? '' : serialize(lostEvent(attempt, lost), lost.last);
    if (spool.add(range, report === '' ? events : Buffer.concat([Buffer.from(report), events]))) {
      lost = null;
      onChunk();
    } else {
      lost = range;
    }
    first = next;
    size = 0;
  };

  return {
    append: (draft) => {
      closeOutput();
      add(draft);
    },
    appendOutput: (type, bytes) => {
      if (open !== null && (open.type !== type || open.bytes + bytes.length > MAX_PIECE_BYTES)) closeOutput();
      open ??= { type, parts: [], bytes: 0 };
      // A copy: the pipe's buffer is reused.
      open.parts.push(bytes.slice());
      open.bytes += bytes.length;
    },
    flush: () => {
      closeOutput();
      closeChunk();
    },
    bytes: () => total,
    lost: () => lost,
  };
};

const lostEvent = (attempt: number, { first, last }: ChunkRange): EventDraft => ({
  type: 'status',
  status: 'output_lost',
  attempt,
  message: `Events ${first} to ${last} could not be kept: the output store was unreachable for too long.`,
});
