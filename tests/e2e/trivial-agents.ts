import type { AgentRow } from '../../worker/agents/row.ts';

/** An agent that answers with its prompt, and needs neither an install nor a model. */
export const ECHO_AGENT: AgentRow = {
  id: 'echo',
  install: 'none',
  exec: { any: '/bin/cat' },
  bunOptions: null,
  unpack: null,
  argv: [],
  prompt: 'stdin',
  provider: null,
  keyVariable: null,
  baseUrl: null,
  baseUrlSuffix: '',
  model: null,
  env: {},
  files: [],
  parser: 'text',
  killGraceMs: 500,
  minMemoryMb: 16,
};

/** An agent that runs its prompt as a shell script. */
export const SHELL_AGENT: AgentRow = { ...ECHO_AGENT, id: 'shell', exec: { any: '/bin/sh' }, argv: ['-s'] };
