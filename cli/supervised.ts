/**
 * Runs an entry as a child that must not outlive its parent: `bun cli/supervised.ts <entry> [args...]`. When
 * standard input closes, because the parent is gone however it went, the entry is told to stop, then to hurry,
 * then ended: what it would hand its work to is ending too. No core file may be written, which would hold secrets.
 */
import { resolve } from 'node:path';

const HURRY_MS = 2_000;
const END_MS = 6_000;

function orphaned(): void {
  process.kill(process.pid, 'SIGTERM');
  setTimeout(() => process.kill(process.pid, 'SIGTERM'), HURRY_MS).unref();
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), END_MS).unref();
}

/** Linux alone has the tool; elsewhere the limit stays what the system's owner made it. */
function forbidCoreFiles(): void {
  if (process.platform !== 'linux' || Bun.which('prlimit') === null) return;
  Bun.spawnSync(['prlimit', `--pid=${process.pid}`, '--core=0:0']);
}

const [entry, ...args] = process.argv.slice(2);
if (entry === undefined) throw new Error('usage: bun cli/supervised.ts <entry> [args...]');
process.argv = [process.argv[0] ?? '', resolve(entry), ...args];
forbidCoreFiles();
process.stdin.on('end', orphaned);
process.stdin.on('error', orphaned);
process.stdin.resume();
await import(resolve(entry));
