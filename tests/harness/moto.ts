/** A running moto: an independent AWS in Python, the referee for SQS, Secrets Manager and S3. */
export type Moto = { readonly endpoint: string; stop(): Promise<void> };

/** `python3 -m moto.server`, ending with its standard input so that none outlives the tests. */
const PROGRAM = `
import os, sys, threading
try:
    from moto.server import main
except ImportError:
    sys.exit(3)
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
main(["-H", "127.0.0.1", "-p", "0"])
`;

/** The address comes within the first lines. */
const MAX_HEAD = 10_000;

/**
 * Starts moto on a free port. Undefined, with one printed line saying why, where it is not installed; where
 * OUTPOST_REQUIRE_REFEREES is set (CI) that is an error instead.
 */
export async function startMoto(): Promise<Moto | undefined> {
  if (Bun.which('python3') === null) return skipped('python3 is not on the PATH');
  const child = Bun.spawn(['python3', '-c', PROGRAM], { stdin: 'pipe', stdout: 'ignore', stderr: 'pipe' });
  const endpoint = await readEndpoint(child.stderr);
  if (endpoint === undefined) {
    const code = await child.exited;
    return skipped(
      code === 3 ? 'moto is not installed (pip install "moto[server]")' : `it exited with ${code}`,
    );
  }
  return {
    endpoint,
    async stop() {
      child.kill();
      await child.exited;
    },
  };
}

function skipped(why: string): undefined {
  if (process.env['OUTPOST_REQUIRE_REFEREES']) throw new Error(`the referee moto does not run: ${why}`);
  console.warn(`skipped: the referee moto does not run: ${why}`);
  return undefined;
}

/** The address that werkzeug prints once it listens. Its log is read on to its end, and dropped. */
function readEndpoint(stderr: ReadableStream<Uint8Array>): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const decoder = new TextDecoder();
    let text = '';
    const read = new WritableStream<Uint8Array>({
      write(chunk) {
        if (text.length < MAX_HEAD) text += decoder.decode(chunk, { stream: true });
        const endpoint = /Running on (http:\/\/127\.0\.0\.1:\d+)/.exec(text)?.[1];
        if (endpoint !== undefined) resolve(endpoint);
      },
    });
    stderr.pipeTo(read).then(() => resolve(undefined), reject);
  });
}
