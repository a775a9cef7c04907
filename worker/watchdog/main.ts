import { createInterface } from 'node:readline';

import { type KillContext, type KillTarget, killAll } from '../launcher/kill.ts';
import { findTools } from '../launcher/tools.ts';
import { lockUidWithin } from '../workspace/lock.ts';
import { READY_LINE, type WatchdogMessage, readArguments, readMessage } from './protocol.ts';

/**
 * The watchdog: a process of its own, so that a supervisor which hangs, is stopped or dies cannot keep an agent
 * running past the lease of its job. It ends with the supervisor, after its last kill.
 */

/** How often an expired job is killed again: a supervisor that wakes up late might still start its agent. */
const REPEAT_MS = 500;
/** After the supervisor's end; then the machine itself is the last boundary. */
const LAST_KILL_ATTEMPTS = 10;
/** The end of the supervisor may close its pipe a moment before it frees its lock. */
const LOCK_WAIT_MS = 2_000;

const { marginMs, locksRoot, ...settings } = readArguments(process.argv.slice(2));
const context: KillContext = { ...settings, tools: findTools() };
let target: KillTarget | null = null;
let timer: ReturnType<typeof setTimeout> | undefined;
let killing: Promise<boolean> = Promise.resolve(true);

// Only the end of the supervisor ends the watchdog, not a polite signal to everything.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => {});

process.stdout.write(READY_LINE);
await listen();
clearTimeout(timer);
process.exit((await killAtTheEnd()) ? 0 : 1);

/** Until the supervisor ends, or says something that cannot be understood: then it cannot be trusted either. */
async function listen(): Promise<void> {
  try {
    for await (const line of createInterface({ input: process.stdin })) handle(readMessage(line));
  } catch (error) {
    log('watchdog_misled', { error: error instanceof Error ? error.message : String(error) });
  }
}

function handle(message: WatchdogMessage): void {
  clearTimeout(timer);
  target = message.type === 'guard' ? message.target : null;
  if (message.type === 'guard') timer = setTimeout(expire, Math.max(0, message.deadlineMs - marginMs));
}

function expire(): void {
  const expired = target;
  killing = killTarget('its lease was not renewed').finally(() => {
    // Unless the supervisor has spoken meanwhile.
    if (target === expired && target !== null) timer = setTimeout(expire, REPEAT_MS);
  });
}

/**
 * The supervisor's lock on the uid ended with it. Another worker of this machine that has taken it since has
 * killed everything of the uid before its own job began, which a kill without the lock would hit.
 */
async function killAtTheEnd(): Promise<boolean> {
  await killing;
  const uid = target?.uid;
  if (uid === undefined || uid === null) return killPersistently();
  const unlock = await lockUidWithin(locksRoot, uid, LOCK_WAIT_MS);
  if (unlock === null) return true;
  try {
    return await killPersistently();
  } finally {
    unlock();
  }
}

async function killPersistently(): Promise<boolean> {
  for (let attempt = 0; attempt < LAST_KILL_ATTEMPTS; attempt += 1) {
    if (await killTarget('its supervisor ended')) return true;
    await Bun.sleep(REPEAT_MS);
  }
  return false;
}

/** Resolves with false, having said so, when something survived: the caller tries again. */
async function killTarget(reason: string): Promise<boolean> {
  if (target === null) return true;
  const { jobId } = target;
  try {
    const killed = await killAll(context, target);
    if (killed > 0) log('watchdog_killed', { job_id: jobId, killed, reason });
    return true;
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    log('watchdog_kill_failed', { job_id: jobId, reason, error: cause });
    return false;
  }
}

function log(event: string, fields: Record<string, string | number>): void {
  process.stderr.write(`${JSON.stringify({ at: new Date().toISOString(), event, ...fields })}\n`);
}
