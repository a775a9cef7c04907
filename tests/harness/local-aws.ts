import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RecordedCall } from '../../local/aws/calls.ts';
import type { FaultReport, FaultRule } from '../../local/aws/faults.ts';
import type { Credentials } from '../../local/aws/sigv4.ts';

export type LocalAwsOptions = {
  /** Kept after stop(); a fresh temporary folder, removed by stop(), when absent. */
  readonly dataDir?: string;
  /** Turns fault injection and call recording on. */
  readonly faults?: boolean;
  /** Creates Outpost's tables, queues and buckets (environment `local`). */
  readonly withOutpost?: boolean;
  /** Any free one when absent. */
  readonly port?: number;
  readonly env?: Readonly<Record<string, string>>;
};

/** A local AWS in a process of its own. */
export type LocalAws = {
  readonly endpoint: string;
  readonly credentials: Credentials;
  readonly dataDir: string;
  readonly pid: number;
  /** For the constructor of any AWS SDK client. */
  readonly clientConfig: {
    readonly region: string;
    readonly endpoint: string;
    readonly credentials: Credentials;
    readonly forcePathStyle: true;
  };
  /** Needs `faults: true`. */
  readonly faults: {
    set(rules: readonly FaultRule[]): Promise<void>;
    list(): Promise<readonly FaultReport[]>;
    clear(): Promise<void>;
  };
  /** Needs `faults: true`. start() forgets what was recorded before; stop() and read() answer with it. */
  readonly calls: {
    start(): Promise<void>;
    stop(): Promise<readonly RecordedCall[]>;
    read(): Promise<readonly RecordedCall[]>;
  };
  /** Lets so much time pass at once on AWS, whose time everybody follows. Needs `faults: true`. */
  advance(milliseconds: number): Promise<void>;
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number>;
  /** SIGKILL; resolves when the process is gone. The data folder stays. */
  kill(): Promise<void>;
};

const MAIN = join(import.meta.dir, '../../local/aws/main.ts');

/** Starts a local AWS and waits until it listens. Throws Error with its output where it does not start. */
export async function startLocalAws(options: LocalAwsOptions = {}): Promise<LocalAws> {
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'outpost-aws-'));
  const child = Bun.spawn([process.execPath, MAIN, ...flags(options)], {
    env: {
      ...process.env,
      ...options.env,
      AWS_PORT: String(options.port ?? 0),
      OUTPOST_DATA_DIR: dataDir,
    },
    // The child ends when this pipe closes, so none outlives a test run that was killed.
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'inherit',
  });
  const endpoint = await readEndpoint(child.stdout);
  if (endpoint === undefined) {
    throw new Error(`local AWS did not start: exit code ${await child.exited}`);
  }
  const credentials = readCredentials(dataDir);
  return {
    endpoint,
    credentials,
    dataDir,
    pid: child.pid,
    clientConfig: { region: 'us-east-1', endpoint, credentials, forcePathStyle: true },
    faults: faultsOf(endpoint),
    calls: callsOf(endpoint),
    async advance(milliseconds) {
      await admin<object>(endpoint, 'POST', 'clock', { advance_ms: milliseconds });
    },
    async stop() {
      child.kill('SIGTERM');
      const code = await child.exited;
      if (options.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true });
      return code;
    },
    async kill() {
      child.kill('SIGKILL');
      await child.exited;
    },
  };
}

function flags({ faults, withOutpost }: LocalAwsOptions): string[] {
  return [
    '--until-stdin-closes',
    ...(faults === true ? ['--faults'] : []),
    ...(withOutpost === true ? ['--with-outpost'] : []),
  ];
}

/** The endpoint of the JSON line that local AWS prints once it listens. */
async function readEndpoint(stdout: ReadableStream<Uint8Array>): Promise<string | undefined> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of stdout) {
    text += decoder.decode(chunk, { stream: true });
    const endpoint = /^\{"endpoint":"([^"]+)".*\}$/m.exec(text)?.[1];
    if (endpoint !== undefined) return endpoint;
  }
  return undefined;
}

function readCredentials(dataDir: string): Credentials {
  const text = readFileSync(join(dataDir, 'aws/credentials.json'), 'utf8');
  const { accessKeyId, secretAccessKey }: Credentials = JSON.parse(text);
  return { accessKeyId, secretAccessKey };
}

async function admin<T>(endpoint: string, method: string, route: string, body?: unknown): Promise<T> {
  const response = await fetch(`${endpoint}/_outpost/${route}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${method} ${route}: ${response.status} ${await response.text()}`);
  const answer: T = await response.json();
  return answer;
}

function faultsOf(endpoint: string): LocalAws['faults'] {
  type Rules = { rules: readonly FaultReport[] };
  return {
    async set(rules) {
      await admin<Rules>(endpoint, 'POST', 'faults', { rules });
    },
    list: async () => (await admin<Rules>(endpoint, 'GET', 'faults')).rules,
    async clear() {
      await admin<Rules>(endpoint, 'DELETE', 'faults');
    },
  };
}

function callsOf(endpoint: string): LocalAws['calls'] {
  const send = async (action: string): Promise<readonly RecordedCall[]> => {
    const { calls } = await admin<{ calls: readonly RecordedCall[] }>(endpoint, 'POST', 'calls', { action });
    return calls;
  };
  return {
    async start() {
      await send('start');
    },
    stop: () => send('stop'),
    read: () => send('read'),
  };
}

let shared: Promise<LocalAws> | undefined;

/**
 * One local AWS for all test files of this process, with Outpost's tables, queues and buckets and without
 * faults. tests/harness/preload.ts stops it after the last file.
 */
export function sharedLocalAws(): Promise<LocalAws> {
  shared ??= startLocalAws({ withOutpost: true });
  return shared;
}

/** Stops the shared local AWS, if one was started. */
export async function stopSharedLocalAws(): Promise<void> {
  const running = shared;
  shared = undefined;
  if (running !== undefined) await (await running).stop();
}
