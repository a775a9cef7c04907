import type { AgentRow } from '../row.ts';

const binary = (platform: string): string => `node_modules/@anthropic-ai/claude-code-${platform}/claude`;

/** Claude Code. https://code.claude.com/docs/en/cli-reference */
export const claude: AgentRow = {
  id: 'claude',
  install: 'npm',
  exec: {
    'linux-x64': binary('linux-x64'),
    'linux-x64-musl': binary('linux-x64-musl'),
    'linux-arm64': binary('linux-arm64'),
    'linux-arm64-musl': binary('linux-arm64-musl'),
    'darwin-x64': binary('darwin-x64'),
    'darwin-arm64': binary('darwin-arm64'),
  },
  bunOptions: null,
  unpack: null,
  argv: [
    '-p',
    '--output-format',
    'stream-json',
    '--verbose',
    '--dangerously-skip-permissions',
    // A workspace's .claude/settings.json may set ANTHROPIC_BASE_URL and so send the key elsewhere.
    '--setting-sources',
    'user',
  ],
  prompt: 'stdin',
  provider: 'anthropic',
  keyVariable: 'ANTHROPIC_API_KEY',
  baseUrl: 'https://api.anthropic.com',
  baseUrlSuffix: '',
  model: null,
  env: {
    ANTHROPIC_BASE_URL: '{baseUrl}',
    CLAUDE_CONFIG_DIR: '{home}/.claude',
    CLAUDE_CODE_TMPDIR: '{tmp}',
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    DISABLE_AUTOUPDATER: '1',
    // The default retries go on for more than 90 s.
    CLAUDE_CODE_MAX_RETRIES: '2',
    // Says that the process is contained: without it the CLI refuses to skip permissions as root.
    IS_SANDBOX: '1',
  },
  files: [],
  parser: 'claude',
  killGraceMs: 5_000,
  minMemoryMb: 512,
};
