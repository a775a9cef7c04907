import { chmodSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { AGENT_IDS, AGENT_PROVIDERS, type AgentId, type Provider, PROVIDERS } from '../../shared/agents.ts';
import { EnvError, readEnv } from '../../shared/env.ts';
import { lockFolder } from '../../local/aws/lock.ts';

/** Why `bun start` does not begin: one line, with the remedy. */
export class StartRefused extends Error {
  override readonly name = 'StartRefused';
}

/** What was found before anything was started. */
export type Setup = {
  /** Like the next two 0 for any, but for processes that restart and must keep theirs. */
  readonly port: number;
  readonly awsPort: number;
  readonly modelPort: number;
  /** Chosen before local AWS starts, which calls it. */
  readonly functionsPort: number;
  readonly dataDir: string;
  readonly logFolder: string;
  readonly workers: number;
  /** A provider key of the environment: it becomes the demo tenant's, and chooses its agent. */
  readonly ownKey:
    | { readonly agent: AgentId; readonly provider: Provider; readonly value: string }
    | undefined;
  readonly path: string;
  /** Agents of the operator's own: which jobs may name any, and where the rows are. */
  readonly agents: { readonly OUTPOST_AGENTS?: string; readonly OUTPOST_EXTRA_AGENTS_FILE?: string };
};

const WORKERS_DEFAULT = 2;
const WORKERS_MAX = 64;

/** Checks ports and folders; `restarts` says that processes will. Throws StartRefused. */
export async function preflight(
  source: Readonly<Record<string, string | undefined>>,
  { restarts }: { restarts: boolean },
): Promise<Setup> {
  const env = read(source);
  const dataDir = resolve(env.OUTPOST_DATA_DIR);
  const logFolder = join(dataDir, 'logs');
  makeFolders(dataDir, logFolder);
  if (isInUse(dataDir)) {
    throw new StartRefused(`${dataDir} is in use by another Outpost: stop it, or set OUTPOST_DATA_DIR.`);
  }
  const awsPort = wholeNumber(source['AWS_PORT'], 'AWS_PORT', 0, 65_535, 0);
  for (const [name, port] of [['PORT', env.PORT] as const, ['AWS_PORT', awsPort] as const]) {
    if (port === 0 || !(await isTaken(port))) continue;
    throw new StartRefused(`Port ${port} is taken: set ${name} to a free one, or to 0 for any.`);
  }
  const lasting = (port: number): number => (port === 0 && restarts ? freePort() : port);
  return {
    port: lasting(env.PORT),
    awsPort: lasting(awsPort),
    modelPort: lasting(0),
    functionsPort: freePort(),
    dataDir,
    logFolder,
    workers: wholeNumber(source['OUTPOST_WORKERS'], 'OUTPOST_WORKERS', 1, WORKERS_MAX, WORKERS_DEFAULT),
    ownKey: ownKeyOf(source),
    path: source['PATH'] ?? '',
    agents: {
      ...(env.OUTPOST_AGENTS === undefined ? {} : { OUTPOST_AGENTS: env.OUTPOST_AGENTS }),
      ...(env.OUTPOST_EXTRA_AGENTS_FILE === undefined
        ? {}
        : { OUTPOST_EXTRA_AGENTS_FILE: resolve(env.OUTPOST_EXTRA_AGENTS_FILE) }),
    },
  };
}

function makeFolders(dataDir: string, logFolder: string): void {
  try {
    mkdirSync(logFolder, { recursive: true });
    // Tenants' agents pass through it to their workspaces; they may not list it.
    chmodSync(dataDir, 0o711);
    chmodSync(logFolder, 0o700);
    mkdirSync(join(dataDir, 'aws'), { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new StartRefused(
      `${dataDir} cannot be written (${error instanceof Error ? error.message : 'unknown error'}): set OUTPOST_DATA_DIR.`,
    );
  }
}

/** Local AWS holds the lock while it runs; one that is just ending is waited for. */
function isInUse(dataDir: string): boolean {
  const unlock = lockFolder(join(dataDir, 'aws'));
  unlock?.();
  return unlock === undefined;
}

function read(source: Readonly<Record<string, string | undefined>>) {
  try {
    return readEnv(source, ['PORT', 'OUTPOST_DATA_DIR'], ['OUTPOST_AGENTS', 'OUTPOST_EXTRA_AGENTS_FILE']);
  } catch (error) {
    if (error instanceof EnvError) throw new StartRefused(error.problems.join(' '));
    throw error;
  }
}

function wholeNumber(
  text: string | undefined,
  name: string,
  least: number,
  most: number,
  fallback: number,
): number {
  if (!text) return fallback;
  const value = Number(text);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new StartRefused(`${name} must be a whole number from ${least} to ${most}.`);
}

function ownKeyOf(source: Readonly<Record<string, string | undefined>>): Setup['ownKey'] {
  for (const agent of AGENT_IDS) {
    const provider = AGENT_PROVIDERS[agent];
    const value = source[PROVIDERS[provider].keyVariable];
    if (value) return { agent, provider, value };
  }
  return undefined;
}

function freePort(): number {
  const probe = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data: () => undefined } });
  const { port } = probe;
  probe.stop(true);
  return port;
}

/** Binds the port for a moment: the only test that cannot be wrong. */
async function isTaken(port: number): Promise<boolean> {
  try {
    const probe = Bun.listen({ hostname: '127.0.0.1', port, socket: { data: () => undefined } });
    probe.stop(true);
    return false;
  } catch {
    return true;
  }
}
