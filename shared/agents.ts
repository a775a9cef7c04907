/**
 * The agents and model providers that the API knows by name. How an agent is run is the worker's data
 * (worker/agents); this is what both sides must agree on.
 */
export const PROVIDERS = {
  anthropic: { keyVariable: 'ANTHROPIC_API_KEY' },
  openai: { keyVariable: 'OPENAI_API_KEY' },
  google: { keyVariable: 'GEMINI_API_KEY' },
  xai: { keyVariable: 'XAI_API_KEY' },
} as const;

export type Provider = keyof typeof PROVIDERS;

/** Whose key each agent needs: the name under which the tenant stores it. */
export const AGENT_PROVIDERS = {
  claude: 'anthropic',
  codex: 'openai',
  gemini: 'google',
  grok: 'xai',
  aider: 'openai',
} as const satisfies Record<string, Provider>;

export type AgentId = keyof typeof AGENT_PROVIDERS;

export const AGENT_IDS = Object.keys(AGENT_PROVIDERS) as AgentId[];
