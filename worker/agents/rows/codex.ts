import type { AgentRow } from '../row.ts';

const binary = (platform: string, target: string): string =>
  `node_modules/@openai/codex-${platform}/vendor/${target}/bin/codex`;

/**
 * The provider is defined here because the built-in one ignores OPENAI_BASE_URL. Two retries of one second
 * each at most, where the defaults go on for 25 s and more.
 */
const PROVIDER =
  'model_providers.byok={name="byok",base_url="{baseUrl}",env_key="OPENAI_API_KEY",wire_api="responses",request_max_retries=1,stream_max_retries=1}';

/** Codex CLI. https://developers.openai.com/codex/noninteractive */
export const codex: AgentRow = {
  id: 'codex',
  install: 'npm',
  exec: {
    'linux-x64': binary('linux-x64', 'x86_64-unknown-linux-musl'),
    'linux-arm64': binary('linux-arm64', 'aarch64-unknown-linux-musl'),
    'darwin-x64': binary('darwin-x64', 'x86_64-apple-darwin'),
    'darwin-arm64': binary('darwin-arm64', 'aarch64-apple-darwin'),
  },
  bunOptions: null,
  unpack: null,
  argv: [
    'exec',
    '--json',
    '--skip-git-repo-check',
    '--ephemeral',
    '--dangerously-bypass-approvals-and-sandbox',
    '-c',
    'analytics.enabled=false',
    '-c',
    'check_for_update_on_startup=false',
    '--disable',
    'plugins',
    '--disable',
    'apps',
    // Hides variables named *KEY*, *SECRET* and *TOKEN* from the shells of its tools.
    '-c',
    'shell_environment_policy.ignore_default_excludes=false',
    '-c',
    'model_provider=byok',
    '-c',
    PROVIDER,
    '-',
  ],
  prompt: 'stdin',
  provider: 'openai',
  keyVariable: 'OPENAI_API_KEY',
  baseUrl: 'https://api.openai.com/v1',
  baseUrlSuffix: '/v1',
  model: null,
  env: { CODEX_HOME: '{home}/.codex' },
  // CODEX_HOME must exist, and any file makes it do so.
  files: [{ path: '{home}/.codex/config.toml', template: '', mode: 0o600 }],
  parser: 'codex',
  killGraceMs: 5_000,
  minMemoryMb: 512,
};
