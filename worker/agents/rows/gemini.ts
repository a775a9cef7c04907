import type { AgentRow } from '../row.ts';

const SETTINGS = {
  security: { auth: { selectedType: 'gemini-api-key' }, folderTrust: { enabled: false } },
  privacy: { usageStatisticsEnabled: false },
  telemetry: { enabled: false },
  general: {
    enableAutoUpdate: false,
    enableAutoUpdateNotification: false,
    checkpointing: { enabled: false },
    // The default of ten goes on for more than 100 s.
    maxAttempts: 2,
  },
  advanced: { autoConfigureMemory: false, ignoreLocalEnv: true },
  ide: { enabled: false },
};

/**
 * The CLI exits without waiting for its output: when a tool printed a megabyte, the result line was lost, on
 * Bun and on Node. This makes its writes synchronous, so that nothing is pending when it exits.
 */
const SYNC_STDOUT = `
const { writeSync } = require('node:fs');
const pause = new Int32Array(new SharedArrayBuffer(4));
const writeAll = (bytes) => {
  let written = 0;
  while (written < bytes.length) {
    try {
      written += writeSync(1, bytes, written);
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
      Atomics.wait(pause, 0, 0, 5);
    }
  }
};
process.stdout.write = (chunk, encoding, callback) => {
  const done = typeof encoding === 'function' ? encoding : callback;
  const format = typeof encoding === 'string' ? encoding : 'utf8';
  writeAll(typeof chunk === 'string' ? Buffer.from(chunk, format) : chunk);
  if (done) process.nextTick(done);
  return true;
};
`;

/** Gemini CLI. https://geminicli.com/docs/cli/headless */
export const gemini: AgentRow = {
  id: 'gemini',
  install: 'npm',
  exec: { any: 'node_modules/@google/gemini-cli/bundle/gemini.js' },
  // Bun would run the preload of a bunfig.toml and load the .env of the folder it starts in: the workspace.
  bunOptions: ['--no-env-file', '--config={home}/bunfig.toml', '--preload={home}/sync-stdout.cjs'],
  unpack: null,
  argv: ['-m', '{model}', '--yolo', '--skip-trust', '-o', 'stream-json'],
  prompt: 'stdin',
  provider: 'google',
  keyVariable: 'GEMINI_API_KEY',
  baseUrl: 'https://generativelanguage.googleapis.com',
  baseUrlSuffix: '',
  model: 'gemini-3.8-flash',
  env: {
    GOOGLE_GEMINI_BASE_URL: '{baseUrl}',
    GEMINI_CLI_HOME: '{home}',
    GEMINI_CLI_NO_RELAUNCH: 'true',
    // A workspace's .env sets only what is not set: it could send the key through a proxy of somebody else.
    HTTP_PROXY: '',
    HTTPS_PROXY: '',
    http_proxy: '',
    https_proxy: '',
    ALL_PROXY: '',
    NODE_TLS_REJECT_UNAUTHORIZED: '1',
  },
  files: [
    // As user settings: the CLI ignores system settings below a folder that others can write.
    { path: '{home}/.gemini/settings.json', template: JSON.stringify(SETTINGS, null, 2), mode: 0o600 },
    { path: '{home}/sync-stdout.cjs', template: SYNC_STDOUT, mode: 0o600 },
    { path: '{home}/bunfig.toml', template: '', mode: 0o600 },
  ],
  parser: 'gemini',
  killGraceMs: 5_000,
  minMemoryMb: 512,
};
