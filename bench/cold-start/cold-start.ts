import { readFileSync } from 'node:fs';
import { eventOf } from '../../tests/runtime/gateway-client.ts';
import { startLambda } from '../../tests/runtime/lambda-process.ts';

/** One start of a function's process: from its spawn to its first answer. */
export type ColdStart = {
  readonly wallMs: number;
  /** User and system time of the process. It says how much work a start is, whatever else the machine does. */
  readonly cpuMs: number;
  readonly rssMb: number;
};

/** The kernel counts CPU time in hundredths of a second. */
const TICK_MS = 10;

/** Starts a process with a Runtime API, waits for the answer to one request, and ends it. */
export async function coldStart(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  request: Request,
): Promise<ColdStart> {
  const event = await eventOf(request.clone());
  const started = performance.now();
  const lambda = startLambda(argv, env);
  try {
    const early = lambda.exited.then((code) => {
      throw new Error(`${argv.join(' ')} ended with ${code} before it answered: ${lambda.printed()}`);
    });
    const answer = await Promise.race([lambda.emulator.invoke(event), early]);
    const wallMs = performance.now() - started;
    if (answer.kind === 'error') throw new Error(`${argv.join(' ')}: ${answer.message}`);
    const { statusCode } = await new Response(answer.body).json();
    if (statusCode >= 400) throw new Error(`${argv.join(' ')} answered ${statusCode}: ${lambda.printed()}`);
    return { wallMs, ...usageOf(lambda.pid) };
  } finally {
    await lambda.stop();
  }
}

/** What the kernel knows of a process: proc_pid_stat(5), proc_pid_status(5). */
function usageOf(pid: number): Pick<ColdStart, 'cpuMs' | 'rssMb'> {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kib = /^VmRSS:\s+(\d+)/m.exec(status)?.[1];
  if (kib === undefined) throw new Error(`the kernel does not say how large process ${pid} is`);
  return { cpuMs: (Number(fields[11]) + Number(fields[12])) * TICK_MS, rssMb: Number(kib) / 1024 };
}
