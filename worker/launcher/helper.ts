import { LaunchError } from './error.ts';

export type HelperResult = { readonly exitCode: number | null; readonly stdout: string };

/** What a helper may print: bounds memory against a tenant that plants millions of names. */
const OUTPUT_LIMIT_BYTES = 1024 * 1024;

/**
 * Runs one short command of ours to its end, in `/`, with an empty environment and bounded time and output.
 * Throws LaunchError `helper_timeout` when it had to be killed. A failure is an exit code, not an exception.
 */
export async function runHelper(
  argv: readonly string[],
  options: { readonly timeoutMs: number; readonly stdin?: string },
): Promise<HelperResult> {
  const child = Bun.spawn([...argv], {
    cwd: '/',
    env: { LC_ALL: 'C' },
    stdin: options.stdin === undefined ? 'ignore' : new TextEncoder().encode(options.stdin),
    stdout: 'pipe',
    stderr: 'ignore',
    detached: true,
  });
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    child.kill('SIGKILL');
  }, options.timeoutMs);
  try {
    const [stdout, exitCode] = await Promise.all([readBounded(child.stdout), child.exited]);
    if (timedOut) {
      throw new LaunchError('helper_timeout', `a helper took longer than ${options.timeoutMs} ms`);
    }
    return { exitCode: child.signalCode === null ? exitCode : null, stdout };
  } finally {
    clearTimeout(timer);
  }
}

/** As runHelper, and throws LaunchError `helper_failed` naming `what` when the exit code is not 0. */
export async function mustRun(
  what: string,
  argv: readonly string[],
  options: { readonly timeoutMs: number; readonly stdin?: string },
): Promise<string> {
  const { exitCode, stdout } = await runHelper(argv, options);
  if (exitCode !== 0) throw new LaunchError('helper_failed', `${what} failed (exit code ${exitCode})`);
  return stdout;
}

async function readBounded(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += chunk.length;
    if (bytes <= OUTPUT_LIMIT_BYTES) text += decoder.decode(chunk, { stream: true });
  }
  return text;
}
