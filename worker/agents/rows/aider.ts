import type { AgentRow } from '../row.ts';

/**
 * Starts it as `python -m aider` does, but for what no option can change. Its retries go on for more than a minute:
 * these add up to eight seconds. And it reads .env, .aider.conf.yml and model settings of the workspace besides the
 * ones that it is given, any of which may send the key elsewhere.
 */
const START = `import aider.coders.base_coder as coder
import aider.main as main
import aider.models as models

coder.RETRY_TIMEOUT = models.RETRY_TIMEOUT = 4
get_parser = main.get_parser
main.get_parser = lambda _config_files, git_root: get_parser([], git_root)
main.generate_search_path_list = lambda _name, _git_root, given: [given] if given else []
main.main()
`;

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
    '{home}/start-aider.py',
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
    // The defaults are files of the workspace; these do not exist.
    '--model-settings-file',
    '{home}/aider.model.settings.yml',
    '--model-metadata-file',
    '{home}/aider.model.metadata.json',
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
    // Otherwise its library loads the .env of a folder, too.
    LITELLM_MODE: 'PRODUCTION',
    // Keeps errors on one line, where the parser finds them whole.
    COLUMNS: '2000',
    // Prices from the installed package, not from the network.
    LITELLM_LOCAL_MODEL_COST_MAP: 'True',
  },
  files: [
    { path: '{home}/start-aider.py', template: START, mode: 0o600 },
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
