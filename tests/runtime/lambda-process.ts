import { startRuntimeApi, type RuntimeEmulator } from './runtime-api.ts';

/** A function's process with a Runtime API of its own. */
export type LambdaProcess = {
  readonly emulator: RuntimeEmulator;
  readonly pid: number;
  /** What it has printed. */
  readonly printed: () => string;
  readonly exited: Promise<number>;
  terminate(): void;
  stop(): Promise<void>;
};

/** Starts a function's process with exactly this environment, as Lambda would. */
export function startLambda(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  cwd?: string,
): LambdaProcess {
  const emulator = startRuntimeApi();
  const child = Bun.spawn([...argv], {
    env: { PATH: process.env['PATH'] ?? '', ...env, AWS_LAMBDA_RUNTIME_API: emulator.host },
    ...(cwd === undefined ? {} : { cwd }),
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  });
  process.once('exit', () => child.kill('SIGKILL'));
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) void collect(stream, (text) => (printed += text));
  return {
    emulator,
    pid: child.pid,
    printed: () => printed,
    exited: child.exited,
    terminate: () => child.kill('SIGTERM'),
    stop: async () => {
      child.kill('SIGKILL');
      await child.exited;
      await emulator.stop();
    },
  };
}

async function collect(stream: ReadableStream<Uint8Array>, add: (text: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  for await (const chunk of stream) add(decoder.decode(chunk, { stream: true }));
}
