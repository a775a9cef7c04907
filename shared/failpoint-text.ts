import { EnvError } from './env.ts';
import { armFailpoints, FAILPOINTS, type FailpointAction, type FailpointName } from './failpoint.ts';
import { pause } from './pause.ts';

/** What a process can do to itself: only its entry knows the runtime. */
export type ProcessActions = {
  /** SIGKILL. */
  readonly kill: () => void;
  /** SIGSTOP. */
  readonly stop: () => void;
};

/**
 * Arms the failpoints of OUTPOST_FAILPOINTS: `name=action`, comma-separated. Actions: `kill`, `stop`, `throw`
 * and `sleep:<milliseconds>`. Does nothing when it is unset. Throws EnvError on anything else, and in prod.
 */
export function armFromEnv(
  env: { readonly OUTPOST_ENV: string; readonly OUTPOST_FAILPOINTS?: string },
  process: ProcessActions,
): void {
  if (env.OUTPOST_FAILPOINTS === undefined) return;
  if (env.OUTPOST_ENV === 'prod') throw new EnvError(['OUTPOST_FAILPOINTS is refused in prod.']);
  armFailpoints(new Map(env.OUTPOST_FAILPOINTS.split(',').map((entry) => parseOne(entry, process))));
}

function parseOne(entry: string, process: ProcessActions): [FailpointName, FailpointAction] {
  const [name, action = ''] = entry.split('=');
  const known = FAILPOINTS.find((candidate) => candidate === name);
  if (known === undefined) throw new EnvError([`OUTPOST_FAILPOINTS names no failpoint: ${name}`]);
  return [known, parseAction(action, known, process)];
}

function parseAction(action: string, name: FailpointName, process: ProcessActions): FailpointAction {
  if (action === 'kill') return process.kill;
  if (action === 'stop') return process.stop;
  const milliseconds = /^sleep:(\d{1,7})$/.exec(action)?.[1];
  if (milliseconds !== undefined) return () => pause(Number(milliseconds), NEVER);
  if (action !== 'throw') throw new EnvError([`OUTPOST_FAILPOINTS has no action ${action}`]);
  return () => {
    throw new Error(`failpoint ${name}`);
  };
}

const NEVER = new AbortController().signal;
