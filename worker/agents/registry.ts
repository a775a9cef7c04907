import { type } from 'arktype';
import { AgentRow } from './row.ts';
import { aider } from './rows/aider.ts';
import { claude } from './rows/claude.ts';
import { codex } from './rows/codex.ts';
import { gemini } from './rows/gemini.ts';
import { grok } from './rows/grok.ts';

/** Made with the module: the build compiles what it finds then. */
const AgentRows = AgentRow.array();

/** The agents that Outpost ships. */
export const BUILT_IN_AGENTS: readonly AgentRow[] = [claude, codex, gemini, grok, aider];

/** The agent that `bun start` installs for its demo: the smallest that runs on every platform (docs/agents.md). */
export const DEMO_AGENT = 'gemini';

export type AgentRegistry = {
  readonly ids: readonly string[];
  findAgent(id: string): AgentRow | null;
};

/**
 * The registry of built-in agents and of an operator's extra ones (the parsed JSON of the file named by
 * OUTPOST_EXTRA_AGENTS_FILE: a list of rows). Throws an Error that names every fault of a row, and on an id
 * that is taken.
 */
export const createAgentRegistry = (extraRows: unknown = []): AgentRegistry => {
  const extra = AgentRows(extraRows);
  if (extra instanceof type.errors) throw new Error(`extra agents: ${extra.summary}`);
  const rows = new Map<string, AgentRow>();
  for (const row of [...BUILT_IN_AGENTS.map((built) => AgentRow.assert(built)), ...extra]) {
    if (rows.has(row.id)) throw new Error(`extra agents: the id "${row.id}" is taken`);
    rows.set(row.id, row);
  }
  return { ids: [...rows.keys()], findAgent: (id) => rows.get(id) ?? null };
};
