import { parseArgs } from 'node:util';
import { ChildFailed, type Spawned } from './start/children.ts';
import { ApiRefused } from './start/client.ts';
import { runDemo } from './start/demo.ts';
import { preflight, StartRefused } from './start/preflight.ts';
import { startSystem, type System } from './start/system.ts';
import { paint, say } from './start/terminal.ts';

/** `bun start`: all of Outpost on this machine. README shows what it prints. */
const USAGE = `Usage: bun start [--once | --no-demo]

Starts local AWS, API, functions and workers, runs a demo job, and serves until Ctrl-C.
  --once      exit after the demo job: 0 if it succeeded
  --no-demo   only serve
  --watch     restart processes when their code changes (bun run dev)
Environment: PORT (8787), OUTPOST_DATA_DIR (.outpost), OUTPOST_WORKERS (2), AWS_PORT (any free one),
and ANTHROPIC_API_KEY, OPENAI_API_KEY, GEMINI_API_KEY or XAI_API_KEY for the demo tenant.
`;

async function main(): Promise<number> {
  const options = readOptions();
  if (typeof options === 'number') return options;
  const interrupted = interruption();
  const children: Spawned[] = [];
  try {
    return await Promise.race([run(options, children), interrupted.then(() => (options.once ? 1 : 0))]);
  } catch (error) {
    if (!isExpected(error)) throw error;
    process.stderr.write(`${paint('red', 'Outpost does not run.')} ${error.message}\n`);
    return 1;
  } finally {
    await stopAll(children);
  }
}

type Options = { readonly once: boolean; readonly demo: boolean; readonly watch: boolean };

function readOptions(): Options | number {
  try {
    const { values } = parseArgs({
      options: {
        once: { type: 'boolean', default: false },
        'no-demo': { type: 'boolean', default: false },
        watch: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false, short: 'h' },
      },
    });
    if (values.help) {
      process.stdout.write(USAGE);
      return 0;
    }
    return { once: values.once, demo: !values['no-demo'], watch: values.watch };
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : 'unknown option'}\n${USAGE}`);
    return 2;
  }
}

/** Resolves at the first signal that asks for an end. */
function interruption(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve());
  });
}

async function run(options: Options, children: Spawned[]): Promise<number> {
  const setup = await preflight(process.env, { restarts: options.watch });
  say(paint('bold', 'Outpost'));
  const system = await startSystem(setup, { demo: options.demo, watch: options.watch, children });
  const succeeded = options.demo ? await demo(system) : true;
  if (options.once) return succeeded ? 0 : 1;
  invite(system);
  const ended = await Promise.race(
    children
      .filter(({ lasting }) => lasting)
      .map(async ({ name, exited }) => `${name} ended with code ${await exited}`),
  );
  throw new ChildFailed(`${ended}; see ${system.logFolder}`);
}

async function demo(system: System): Promise<boolean> {
  say();
  say(`  Demo job: ${paint('bold', system.agent)} as tenant ${system.credentials.tenant_id}`);
  if (system.scripted) {
    say(paint('dim', '    No provider key is set, so the scripted model answers in place of a real one.'));
  }
  const command = system.scripted
    ? 'Write a file hello.txt that says hello. #scenario:tool'
    : 'Write a file hello.txt that says hello, then say that it is done.';
  return runDemo(system.client, system.agent, command);
}

function invite(system: System): void {
  const { url } = system.credentials;
  say();
  say(`  Serving ${paint('bold', url)}   interactive API: ${url}/docs`);
  say(`  Keys: ${system.credentialsFile}   logs: ${system.logFolder}`);
  say(paint('dim', '  Ctrl-C stops everything; the data stays.'));
}

/** Workers first, while the others still answer them: they hand their jobs back. Local AWS last. */
async function stopAll(children: readonly Spawned[]): Promise<void> {
  const workers = children.filter((child) => child.name.startsWith('worker'));
  await Promise.all(workers.map((child) => child.stop(WORKER_GRACE_MS)));
  for (const child of children.filter((each) => !workers.includes(each)).toReversed()) {
    await child.stop(GRACE_MS);
  }
}

const WORKER_GRACE_MS = 20_000;
const GRACE_MS = 5_000;

const isExpected = (error: unknown): error is Error =>
  error instanceof StartRefused || error instanceof ChildFailed || error instanceof ApiRefused;

process.exit(await main());
