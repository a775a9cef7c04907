import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';
import { s3Operation } from '../../local/aws/calls.ts';
import type { LocalAws } from '../../tests/harness/local-aws.ts';

/** One call to AWS, with what AWS charges for. */
export type Call = {
  readonly service: 'dynamodb' | 'sqs' | 'secretsmanager' | 's3';
  readonly operation: string;
  /** Request units of DynamoDB, indexes included. */
  readonly readUnits: number;
  readonly writeUnits: number;
  readonly requestBytes: number;
  readonly status: number;
  /** Which round trip of its path it was part of, from 1: see `roundTrips`. */
  readonly round: number;
};

export type Recorder = {
  /** What the processes that are measured use, in the place of the local AWS. */
  readonly aws: LocalAws;
  /** Forgets what was recorded. */
  start(options?: RecordingOptions): void;
  /** What was recorded since `start`, once nothing has been under way for a moment. */
  stop(): Promise<readonly Call[]>;
  /** What was recorded since `start`, now: what is under way is left out. */
  take(): readonly Call[];
  close(): Promise<void>;
};

export type RecordingOptions = {
  /**
   * Holds every call until none has come for so many milliseconds, then lets all go at once: calls that are made
   * side by side share a round, and those that wait for one another do not, however busy the machine is.
   */
  readonly holdMs?: number;
};

/** Nothing under way so many times in a row. */
const QUIET_CHECKS = 3;
const QUIET_MS = 50;

const READS = /^(?:Get|Query|Scan|BatchGet|TransactGet)/;

/**
 * A proxy before a local AWS that notes each call. DynamoDB is asked what it consumed: the question becomes part of
 * the request, which is signed anew; nothing else is changed.
 */
export function startRecorder(local: LocalAws): Recorder {
  let calls: Call[] = [];
  let recording = false;
  let holdMs: number | undefined;
  let round = 1;
  let held: (() => void)[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;

  let underWay = 0;

  const release = (): void => {
    const waiting = held;
    held = [];
    round += 1;
    for (const go of waiting) go();
  };
  const hold = async (): Promise<number> => {
    if (holdMs === undefined) return 1;
    const mine = round;
    clearTimeout(timer);
    timer = setTimeout(release, holdMs);
    const { promise, resolve } = Promise.withResolvers<void>();
    held.push(resolve);
    await promise;
    return mine;
  };
  const sign = signerOf(local);

  const forward = async (request: Request): Promise<Response> => {
    const url = new URL(request.url);
    const body = new Uint8Array(await request.arrayBuffer());
    const target = request.headers.get('x-amz-target');
    const recorded = recording;
    const mine = recorded ? await hold() : 1;
    const isDynamo = target?.startsWith('DynamoDB_') === true;
    const sent = isDynamo
      ? await sign(target, body)
      : { headers: request.headers, body: body.byteLength === 0 ? null : body };
    const answer = await fetch(`${local.endpoint}${url.pathname}${url.search}`, {
      method: request.method,
      ...sent,
      // Only a stop of this process ends a long poll early.
      timeout: false,
    });
    const bytes = new Uint8Array(await answer.arrayBuffer());
    if (recorded && recording) {
      const [prefix = '', operation = s3Operation(request, url)] = target?.split('.') ?? [];
      const units = isDynamo ? unitsOf(bytes) : 0;
      calls.push({
        service: serviceOf(prefix),
        operation,
        readUnits: READS.test(operation) ? units : 0,
        writeUnits: READS.test(operation) ? 0 : units,
        requestBytes: body.byteLength,
        status: answer.status,
        round: mine,
      });
    }
    const headers = new Headers(answer.headers);
    headers.delete('content-encoding');
    return new Response(request.method === 'HEAD' || answer.status === 304 ? null : bytes, {
      status: answer.status,
      headers,
    });
  };

  const counted = async (request: Request): Promise<Response> => {
    underWay += 1;
    try {
      return await forward(request);
    } finally {
      underWay -= 1;
    }
  };

  const server = Bun.serve({ hostname: '127.0.0.1', port: 0, idleTimeout: 0, fetch: counted });
  const endpoint = `http://127.0.0.1:${server.port}`;
  return {
    aws: { ...local, endpoint },
    start(options = {}) {
      calls = [];
      round = 1;
      holdMs = options.holdMs;
      recording = true;
    },
    take() {
      recording = false;
      return calls;
    },
    async stop() {
      for (let quiet = 0; quiet < QUIET_CHECKS; quiet = underWay === 0 ? quiet + 1 : 0)
        await Bun.sleep(QUIET_MS);
      recording = false;
      holdMs = undefined;
      return calls;
    },
    close: () => server.stop(true),
  };
}

/** How many round trips one after the other a path took. */
export const roundTrips = (calls: readonly Call[]): number => new Set(calls.map(({ round }) => round)).size;

function serviceOf(prefix: string): Call['service'] {
  if (prefix.startsWith('DynamoDB')) return 'dynamodb';
  if (prefix === 'AmazonSQS') return 'sqs';
  return prefix === 'secretsmanager' ? 'secretsmanager' : 's3';
}

/** The sum of an answer's ConsumedCapacity: one table's, or a list. */
function unitsOf(answer: Uint8Array): number {
  const { ConsumedCapacity: consumed } = JSON.parse(new TextDecoder().decode(answer));
  const tables: { CapacityUnits?: number }[] = consumed === undefined ? [] : [consumed].flat();
  return tables.reduce((sum, { CapacityUnits: units = 0 }) => sum + units, 0);
}

/** Signs a call to DynamoDB that asks what it consumes. */
function signerOf(local: LocalAws) {
  const { host, hostname, port } = new URL(local.endpoint);
  const signer = new SignatureV4({
    service: 'dynamodb',
    region: local.clientConfig.region,
    sha256: Sha256,
    credentials: local.credentials,
  });
  return async (target: string, body: Uint8Array) => {
    const input: object = JSON.parse(new TextDecoder().decode(body));
    const text = JSON.stringify({ ...input, ReturnConsumedCapacity: 'TOTAL' });
    const { headers } = await signer.sign({
      method: 'POST',
      protocol: 'http:',
      hostname,
      port: Number(port),
      path: '/',
      query: {},
      headers: { host, 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': target },
      body: text,
    });
    return { headers: new Headers(headers), body: text };
  };
}

/** SHA-256 as the signer asks for it. */
class Sha256 {
  readonly #hash: Hash | Hmac;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(secret));
  }

  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(bytesOf(data));
  }

  digest(): Promise<Uint8Array> {
    return Promise.resolve(new Uint8Array(this.#hash.digest()));
  }

  reset(): void {
    throw new Error('a hash is used once');
  }
}

function bytesOf(data: string | ArrayBuffer | ArrayBufferView): Uint8Array {
  if (typeof data === 'string') return new TextEncoder().encode(data);
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}
