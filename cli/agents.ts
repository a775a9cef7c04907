import { createAgentRegistry } from '../worker/agents/registry.ts';
import { installAgent } from './install-agent.ts';

/** `bun run agents [ids...]`: installs the pinned agent CLIs, all of them without ids. */

const USAGE = `Usage: bun run agents [ids...]

Installs the pinned agent CLIs into OUTPOST_DATA_DIR (default .outpost), all of them without ids.
Agents: ${createAgentRegistry().ids.join(', ')}
`;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** Installs one agent and says so; true when it is there afterwards. */
const install = async (id: string, dataDir: string): Promise<boolean> => {
  const start = performance.now();
  const result = await installAgent(id, dataDir, (line) => say(`${id}: ${line}`));
  if (!result.ok) {
    process.stderr.write(`${result.message}\n`);
    return false;
  }
  const seconds = ((performance.now() - start) / 1_000).toFixed(1);
  say(result.fresh ? `${id}: installed in ${seconds} s` : `${id}: already installed`);
  return true;
};

const main = async (args: readonly string[]): Promise<number> => {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(USAGE);
    return 0;
  }
  const known = createAgentRegistry().ids;
  const unknown = args.filter((id) => !known.includes(id));
  if (unknown.length > 0) {
    process.stderr.write(`there is no agent ${unknown.join(', ')}\n${USAGE}`);
    return 2;
  }
  const dataDir = process.env['OUTPOST_DATA_DIR'] ?? '.outpost';
  let failed = 0;
  for (const id of args.length > 0 ? new Set(args) : known) {
    if (!(await install(id, dataDir))) failed += 1;
  }
  return failed === 0 ? 0 : 1;
};

process.exitCode = await main(process.argv.slice(2));
