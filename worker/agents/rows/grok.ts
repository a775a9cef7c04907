import type { AgentRow } from '../row.ts';

const archive = (platform: string): string => `node_modules/@xai-official/grok-${platform}/bin/grok.br`;

/** Grok. https://docs.x.ai */
export const grok: AgentRow = {
  id: 'grok',
  install: 'npm',
  exec: { any: 'bin/grok' },
  bunOptions: null,
  // What the package's postinstall script would do, without running it: it writes into the user's home.
  unpack: {
    'linux-x64': archive('linux-x64'),
    'linux-arm64': archive('linux-arm64'),
    'darwin-x64': archive('darwin-x64'),
    'darwin-arm64': archive('darwin-arm64'),
  },
  argv: [
    '--prompt-file',
    '{promptFile}',
    '--output-format',
    'streaming-messages-json',
    '--always-approve',
    '--no-auto-update',
  ],
  prompt: 'file',
  provider: 'xai',
  keyVariable: 'XAI_API_KEY',
  baseUrl: 'https://api.x.ai/v1',
  baseUrlSuffix: '/v1',
  model: null,
  env: {
    GROK_HOME: '{home}/.grok',
    GROK_MODELS_BASE_URL: '{baseUrl}',
    GROK_XAI_API_BASE_URL: '{baseUrl}',
    GROK_DISABLE_AUTOUPDATER: '1',
    GROK_TELEMETRY_ENABLED: '0',
    // The default of eight goes on for more than 60 s of server errors.
    GROK_MAX_RETRIES: '2',
    // Otherwise a failed turn is repeated without end on server errors.
    GROK_TURN_TRANSIENT_RETRY: '0',
  },
  files: [],
  parser: 'grok',
  killGraceMs: 5_000,
  minMemoryMb: 512,
};
