import type { KillContext, KillTarget } from '../launcher/kill.ts';

/**
 * What the supervisor tells the watchdog: its arguments once, then one line a message on its stdin. The end of
 * stdin means that the supervisor is dead or done. Words instead of JSON and a schema, because a schema library
 * would make this process, which runs beside every worker, three times as large.
 */
export type WatchdogMessage =
  | { readonly type: 'guard'; readonly target: KillTarget; readonly deadlineMs: number }
  | { readonly type: 'release' };

export type WatchdogArguments = Pick<KillContext, 'level' | 'uids'> & {
  readonly marginMs: number;
  /** Where the locks on uids lie (workspace/lock.ts). */
  readonly locksRoot: string;
};

/** What the watchdog answers on its stdout once it listens. */
export const READY_LINE = 'ready\n';

export function writeArguments({ level, uids, marginMs, locksRoot }: WatchdogArguments): string[] {
  return [level, locksRoot, String(uids.first), String(uids.last), String(Math.round(marginMs))];
}

/** Throws on anything that writeArguments does not write. */
export function readArguments(words: readonly string[]): WatchdogArguments {
  const [level, locksRoot, ...numbers] = words;
  const [first, last, marginMs] = numbers.map((word) => (/^\d{1,15}$/.test(word) ? Number(word) : undefined));
  if (level !== 'uid' && level !== 'pid-namespace' && level !== 'process') throw new Error('no such level');
  if (locksRoot === undefined) throw new Error('no folder of locks');
  if (first === undefined || last === undefined || marginMs === undefined) throw new Error('not numbers');
  return { level, uids: { first, last }, marginMs, locksRoot };
}

export function writeMessage(message: WatchdogMessage): string {
  if (message.type === 'release') return 'release\n';
  const { target, deadlineMs } = message;
  return `guard ${target.uid ?? '-'} ${target.jobId} ${Math.max(0, Math.floor(deadlineMs))}\n`;
}

/** Throws on anything that writeMessage does not write. */
export function readMessage(line: string): WatchdogMessage {
  if (line === 'release') return { type: 'release' };
  const match = /^guard (\d{1,10}|-) ([A-Za-z0-9_-]{1,64}) (\d{1,15})$/.exec(line);
  const [, uid, jobId, deadlineMs] = match ?? [];
  if (jobId === undefined) throw new Error('no message of the supervisor');
  const target = { uid: uid === '-' ? null : Number(uid), jobId };
  return { type: 'guard', target, deadlineMs: Number(deadlineMs) };
}
