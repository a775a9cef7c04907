import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../shared/clock.ts';
import { describeError } from '../../shared/errors.ts';
import { eventId } from '../../shared/model/event.ts';
import type { EventDraft, Usage } from '../../shared/model/event.ts';
import { rawOutputKey } from '../../shared/output/keys.ts';
import type { AgentVerdict, OutputParser } from '../agents/parser.ts';
import { createChunkSpool } from './chunk-spool.ts';
import { createEventLog } from './event-log.ts';
import { createRawSpool } from './raw-spool.ts';
import { createSecretMatcher } from './redactor.ts';
import { shorten } from './shorten.ts';
import { readStream } from './stream-output.ts';
import { uploadRaw } from './upload-raw.ts';
import { startUploader } from './uploader.ts';
import type { S3Writer } from './uploader.ts';

export type PipelineDeps = S3Writer & { readonly clock: Clock };

export type PipelineOptions = {
  readonly tenantId: string;
  readonly jobId: string;
  readonly attempt: number;
  /** What must never leave the worker: the provider's key and the like. */
  readonly secrets: readonly string[];
  readonly parser: OutputParser;
  /** A folder that the agent cannot reach; made if missing. */
  readonly folder: string;
  /** Raw output kept of this attempt, in bytes. */
  readonly capBytes: number;
  /** Events that may wait on disk for S3, in bytes. */
  readonly backlogBytes?: number;
};

export type PipelineResult = {
  /** The last event in S3: what the attempt is sealed with. */
  readonly lastEventId: number;
  /** The key of the raw output, or null when it could not be written. */
  readonly rawLocation: string | null;
  readonly rawBytes: number;
  readonly truncated: boolean;
  /** Events at the end of the stream are missing: S3 was not reachable in time, or the lease is lost. */
  readonly lost: boolean;
  readonly verdict: AgentVerdict | null;
  readonly usage: Usage | null;
};

export type Pipeline = {
  /** Adds an event of the worker's own to the stream. */
  emit(draft: EventDraft): void;
  /** Starts reading both pipes. */
  attach(stdout: ReadableStream<Uint8Array>, stderr: ReadableStream<Uint8Array>): void;
  /** Resolves when both pipes have ended. */
  drained(): Promise<void>;
  /** Ends the stream: within `withinMs` everything is in S3, or given up and reported so. Call it once. */
  finish(options: FinishOptions): Promise<PipelineResult>;
};

export type FinishOptions = {
  readonly withinMs: number;
  /** Aborted when there is less time than thought: what is not in S3 by then is given up. */
  readonly hurry?: AbortSignal;
  /** The worker's last events, once the agent's verdict is known. */
  readonly lastEvents?: (verdict: AgentVerdict | null) => readonly EventDraft[];
};

const FLUSH_INTERVAL_MS = 1000;
const DEFAULT_BACKLOG_BYTES = 256 * 1024 * 1024;
/** Events may take this many times the raw cap: they hold the output twice, escaped and with frames. */
const EVENT_BYTES_FACTOR = 4;
/** Pipes that a survivor of the agent's tree holds open are not waited for longer. */
const PIPE_GRACE_MS = 3000;

/**
 * An attempt's way from the agent's pipes to S3: redacted, as raw output and as events. Memory is bounded
 * whatever the agent writes and however S3 is; disk is bounded by the cap and the backlog.
 */
export const createPipeline = (deps: PipelineDeps, options: PipelineOptions): Pipeline => {
  const { attempt, parser, capBytes } = options;
  mkdirSync(options.folder, { recursive: true, mode: 0o700 });
  const giveUp = new AbortController();
  const stopReading = new AbortController();
  const spool = createChunkSpool(
    join(options.folder, `${options.jobId}-${attempt}.ndjson`),
    options.backlogBytes ?? DEFAULT_BACKLOG_BYTES,
  );
  const raw = createRawSpool(join(options.folder, `${options.jobId}-${attempt}.raw`), capBytes);
  const uploader = startUploader(deps, options, spool, giveUp.signal);
  const log = createEventLog(attempt, deps.clock, spool, uploader.wake);
  const matcher = createSecretMatcher(options.secrets);
  const flushing = setInterval(log.flush, FLUSH_INTERVAL_MS);
  let truncated = false;
  let parsing = true;
  let usageEmitted = false;
  let reading: Promise<unknown> = Promise.resolve();

  const truncate = (): void => {
    if (truncated) return;
    truncated = true;
    log.append({
      type: 'status',
      status: 'truncated',
      attempt,
      message: `The output exceeds ${capBytes} bytes; the rest is not kept.`,
    });
  };

  const writeOutput = (type: 'stdout' | 'stderr', bytes: Uint8Array): void => {
    if (truncated) return;
    const kept = raw.append(bytes);
    if (kept > 0) log.appendOutput(type, bytes.subarray(0, kept));
    if (kept < bytes.length || log.bytes() > EVENT_BYTES_FACTOR * capBytes) truncate();
  };

  /** Past the cap the parser reads on, for the verdict and the usage at the end. */
  const parse = (type: 'stdout' | 'stderr', line: string): void => {
    if (!parsing) return;
    try {
      for (const draft of parser[type](line)) {
        if (truncated && draft.type !== 'usage') continue;
        usageEmitted ||= draft.type === 'usage';
        log.append(shorten(draft));
      }
    } catch (error) {
      parsing = false;
      deps.log.error('output.parser_failed', describeError(error));
    }
  };

  const read = async (type: 'stdout' | 'stderr', stream: ReadableStream<Uint8Array>): Promise<void> => {
    const sink = {
      piece: (bytes: Uint8Array) => writeOutput(type, bytes),
      line: (line: string) => parse(type, line),
    };
    try {
      await readStream(stream, matcher, sink, stopReading.signal);
    } catch (error) {
      deps.log.warn('output.pipe_failed', { pipe: type, ...describeError(error) });
    }
  };

  const stopPipes = async (): Promise<void> => {
    const late = setTimeout(() => stopReading.abort(), PIPE_GRACE_MS);
    await reading;
    clearTimeout(late);
  };

  /** Everything in S3, then the report of lost events, for which the first round may have made room. */
  const flushAll = async (): Promise<void> => {
    log.flush();
    await uploader.idle();
    if (log.lost() === null) return;
    log.flush();
    await uploader.idle();
  };

  const writeRaw = async (): Promise<string | null> => {
    const key = rawOutputKey(options);
    try {
      await uploadRaw(deps, key, raw.path, raw.bytes(), giveUp.signal);
      return key;
    } catch (error) {
      deps.log.warn('output.raw_lost', describeError(error));
      return null;
    }
  };

  return {
    emit: (draft) => log.append(shorten(draft)),
    attach: (stdout, stderr) => {
      reading = Promise.all([read('stdout', stdout), read('stderr', stderr)]);
    },
    drained: async () => {
      await reading;
    },
    finish: async ({ withinMs, hurry, lastEvents }) => {
      const stop = (): void => giveUp.abort(new Error('out of time'));
      const deadline = setTimeout(stop, withinMs);
      hurry?.addEventListener('abort', stop, { once: true });
      if (hurry?.aborted === true) stop();
      try {
        await stopPipes();
        const { verdict, usage } = parser.finish();
        if (usage !== null && !usageEmitted) log.append({ type: 'usage', usage });
        for (const draft of lastEvents?.(verdict) ?? []) log.append(draft);
        clearInterval(flushing);
        await flushAll();
        const lost = !spool.isEmpty() || log.lost() !== null;
        const rawLocation = await writeRaw();
        const lastEventId = uploader.lastWritten() ?? eventId(attempt, 0);
        return { lastEventId, rawLocation, rawBytes: raw.bytes(), truncated, lost, verdict, usage };
      } finally {
        clearTimeout(deadline);
        hurry?.removeEventListener('abort', stop);
        clearInterval(flushing);
        giveUp.abort();
        await uploader.idle();
        spool.close();
        raw.close();
      }
    },
  };
};
