import type { OutputParser } from '../parser.ts';
import type { AgentRow } from '../row.ts';
import { createAiderParser } from './aider.ts';
import { createClaudeParser } from './claude.ts';
import { createCodexParser } from './codex.ts';
import { createGeminiParser } from './gemini.ts';
import { createGrokParser } from './grok.ts';
import { createTextParser } from './text.ts';

const PARSERS: Record<AgentRow['parser'], () => OutputParser> = {
  aider: createAiderParser,
  claude: createClaudeParser,
  codex: createCodexParser,
  gemini: createGeminiParser,
  grok: createGrokParser,
  text: createTextParser,
};

/** A fresh parser for one run of an agent. */
export const createParser = (name: AgentRow['parser']): OutputParser => PARSERS[name]();
