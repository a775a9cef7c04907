import { type Handler, runLoop } from './loop.ts';
import { createRuntimeApi } from './runtime-api.ts';

type Environment = Record<string, string | undefined>;

/** A Lambda function: what it does once, at the start, answers with what it does for each event. */
export type LambdaFunction = {
  start(env: Readonly<Environment>, write: (line: string) => void): Promise<Handler>;
};

const write = (line: string): void => void process.stdout.write(`${line}\n`);

/**
 * Runs a function on Lambda until the process is told to end. An error at the start is reported to Lambda, which
 * then starts another process.
 */
export async function runFunction(env: Environment, lambda: LambdaFunction): Promise<void> {
  const host = env['AWS_LAMBDA_RUNTIME_API'];
  if (host === undefined) {
    process.stderr.write('AWS_LAMBDA_RUNTIME_API is not set: this runs on AWS Lambda only.\n');
    process.exit(1);
  }
  const runtime = createRuntimeApi(host);
  const stopping = new AbortController();
  process.on('SIGTERM', () => stopping.abort());
  let handler: Handler;
  try {
    handler = await lambda.start(env, write);
  } catch (error) {
    write(JSON.stringify({ level: 'error', event: 'init.failed', error: String(error) }));
    await runtime.failInit(error);
    process.exit(1);
  }
  await runLoop(runtime, handler, {
    log: write,
    stopping: stopping.signal,
    // X-Ray's name for it; AWS's libraries read it from the environment.
    trace: (id) => {
      if (id === null) delete env['_X_AMZN_TRACE_ID'];
      else env['_X_AMZN_TRACE_ID'] = id;
    },
  });
  process.exit(0);
}
