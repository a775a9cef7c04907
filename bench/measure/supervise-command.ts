import process from 'node:process';

/**
 * Runs any command as a child that must not outlive its parent: `bun bench/measure/supervise-command.ts argv...`.
 * SIGINT, which Redis and PostgreSQL take as a quick and clean end, goes to it when standard input closes or this
 * process is told to stop.
 */
const child = Bun.spawn(process.argv.slice(2), { stdin: 'ignore', stdout: 'inherit', stderr: 'inherit' });
const end = (): void => child.kill('SIGINT');
process.on('SIGTERM', end);
process.on('SIGINT', end);
process.stdin.on('end', end);
process.stdin.on('error', end);
process.stdin.resume();
void child.exited.then((code) => process.exit(code));
