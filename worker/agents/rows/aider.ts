import type { AgentRow } from '../row.ts';

/**
 * Its retries go on for more than a minute, and no option shortens them: these add up to eight seconds. Then it
 * starts as `python -m aider` does.
 */
const START = [
  'import aider.coders.base_coder as coder, aider.models as models',
  'coder.RETRY_TIMEOUT = models.RETRY_TIMEOUT = 4',
  'from aider.main import main',
  'main()',
].join('; ');

/** aider. https://aider.chat/docs/config/options.html */
export const aider: AgentRow = {
  id: 'aider',
  install: 'pypi',
  exec: { any: 'venv/bin/python' },
  bunOptions: null,
  unpack: null,
  argv: [
    // Isolated: a workspace must not shadow aider's modules or set PYTHON variables.
    '-I',
    '-c',
    START,
    '--message-file',
    '{promptFile}',
    '--model',
    '{model}',
    '--edit-format',
    'diff',
    '--yes-always',
    '--no-pretty',
    '--no-stream',
    '--no-check-update',
    '--analytics-disable',
    '--no-auto-commits',
    '--no-gitignore',
    '--no-git',
    '--no-show-model-warnings',
    '--no-show-release-notes',
    '--no-suggest-shell-commands',
    '--env-file',
    '{home}/aider.env',
    '--config',
    '{home}/aider.conf.yml',
    '--input-history-file',
    '{home}/aider.input.history',
    '--chat-history-file',
    '{home}/aider.chat.history.md',
    '--llm-history-file',
    '{home}/aider.llm.history',
  ],
  prompt: 'file',
  provider: 'openai',
  keyVariable: 'OPENAI_API_KEY',
  baseUrl: 'https://api.openai.com/v1',
  baseUrlSuffix: '/v1',
  model: 'openai/gpt-5.1',
  env: {
    OPENAI_API_BASE: '{baseUrl}',
    PYTHONUNBUFFERED: '1',
    // Keeps errors on one line, where the parser finds them whole.
    COLUMNS: '2000',
    // Prices from the installed package, not from the network.
    LITELLM_LOCAL_MODEL_COST_MAP: 'True',
  },
  files: [
    { path: '{home}/aider.env', template: '', mode: 0o600 },
    { path: '{home}/aider.conf.yml', template: '{}\n', mode: 0o600 },
    // A fresh, non-empty cache keeps it from fetching prices at each start.
    {
      path: '{home}/.aider/caches/model_prices_and_context_window.json',
      template: '{"outpost":{}}',
      mode: 0o600,
    },
  ],
  parser: 'aider',
  killGraceMs: 5_000,
  minMemoryMb: 512,
};
