/**
 * A supervisor for the tests of the watchdog: starts one, guards an agent with 20 escapees, prints
 * `{watchdog, guardedAt}` and then only waits. Arguments: level, uid or `null`, job id, deadline in ms, the folder of locks.
 */
import { launch } from '../../../worker/launcher/launch.ts';
import { startWatchdog } from '../../../worker/watchdog/watchdog.ts';
import { forcedIsolation, shellSpec } from '../launcher/probe.ts';

const [level, uidText, jobId, deadlineMs, locksRoot = ''] = process.argv.slice(2);
if (level !== 'uid' && level !== 'pid-namespace' && level !== 'process') throw new Error('which level?');
const uid = uidText === 'null' ? null : Number(uidText);
const isolation = await forcedIsolation(level);
const watchdog = await startWatchdog(isolation, { locksRoot, marginMs: 6_000 });
const guardedAt = Date.now();
watchdog.guard({ uid, jobId: jobId ?? '' }, Number(deadlineMs));
const script =
  'for i in $(seq 20); do (setsid sleep 779 >/dev/null 2>&1 </dev/null &); done; echo up; sleep 777; sleep 777';
const agent = launch(isolation, shellSpec(script, { uid, jobId: jobId ?? '' }));
await agent.stdout.getReader().read();
console.log(JSON.stringify({ watchdog: watchdog.pid, guardedAt }));
await Bun.sleep(600_000);
