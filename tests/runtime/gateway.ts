import { startDeployed } from './deployed.ts';
import { eventOf, streamedAnswer, viaGateway } from './gateway-client.ts';
import { type LambdaProcess, startLambda } from './lambda-process.ts';

/**
 * The API as it is deployed, behind one address: every request becomes a gateway's event for a function's
 * process, and the streaming route goes to the function that streams, one process for each open answer. Takes
 * the environment and prints the line of api/serve.ts, so that the suite for that runs on this. The functions are
 * those that OUTPOST_TEST_DEPLOYED holds (deployed.ts), else the sources.
 */
const env = Object.fromEntries(
  Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
);
const deployed = env['OUTPOST_TEST_DEPLOYED'];
const start = (name: 'api' | 'stream', entry: string): LambdaProcess =>
  deployed === undefined ? startLambda([process.execPath, entry], env) : startDeployed(deployed, name, env);

const api = start('api', 'api/lambda.ts');
const idle: LambdaProcess[] = [];
const all = [api];

/** Lambda starts another process when all are busy. */
function streamProcess(): LambdaProcess {
  const free = idle.pop();
  if (free !== undefined) return free;
  const made = start('stream', 'tests/runtime/stream-entry.ts');
  all.push(made);
  return made;
}

async function viaStream(request: Request): Promise<Response> {
  const taken = streamProcess();
  const answer = await streamedAnswer(await taken.emulator.invoke(await eventOf(request)));
  const release = (): void => void idle.push(taken);
  if (answer.body === null) {
    release();
    return answer;
  }
  const watched = answer.body.pipeThrough(new TransformStream({ flush: release }));
  return new Response(watched, { status: answer.status, headers: answer.headers });
}

const server = Bun.serve({
  hostname: '127.0.0.1',
  port: Number(env['PORT'] ?? 0),
  idleTimeout: 0,
  fetch: (request) =>
    new URL(request.url).pathname.endsWith('/events')
      ? viaStream(request)
      : viaGateway(api.emulator, request),
});
process.stdout.write(
  `${JSON.stringify({ endpoint: `http://127.0.0.1:${server.port}`, pid: process.pid })}\n`,
);
process.on('SIGTERM', () => {
  void Promise.all([server.stop(true), ...all.map((each) => each.stop())]).then(() => process.exit(0));
});
