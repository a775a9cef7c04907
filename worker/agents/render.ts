import type { AgentRow } from './row.ts';

export type RenderContext = {
  /** Absolute path from resolveExecutable. */
  readonly executable: string;
  /** Absolute path of Bun, for agents written in JavaScript. */
  readonly bun: string;
  /** The job's own HOME, made before the start and wiped after it. */
  readonly home: string;
  /** The job's own TMPDIR, likewise. */
  readonly tmp: string;
  readonly prompt: string;
  /** The tenant's provider key; null for an agent that needs none. */
  readonly key: string | null;
  /** An origin (no path) that stands in for the provider, or null for the provider itself. */
  readonly modelOrigin: string | null;
};

export type RenderedFile = { readonly path: string; readonly content: string; readonly mode: number };

/** Everything a launcher needs. The child gets `env` and nothing else; cwd is the workspace. */
export type RenderedCommand = {
  /** argv[0] is absolute. Never goes through a shell. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** To be written before the start, as the tenant, with their parent folders. */
  readonly files: readonly RenderedFile[];
  /** Written to stdin, which is then closed: some CLIs wait for its end. Empty where the prompt is a file. */
  readonly stdin: string;
};

/** Where system and Homebrew tools are: the worker's own PATH may name private folders. */
const PATH = '/opt/homebrew/bin:/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin';

/** The base URL that {baseUrl} becomes: the provider's own, or the override with the suffix this CLI wants. */
export const baseUrlOf = (row: AgentRow, modelOrigin: string | null): string =>
  modelOrigin === null ? (row.baseUrl ?? '') : new URL(modelOrigin).origin + row.baseUrlSuffix;

const fill = (template: string, values: Readonly<Record<string, string>>): string =>
  template.replaceAll(/\{([A-Za-z]+)\}/g, (whole, name: string) => values[name] ?? whole);

/** Turns a row into a command. Pure; throws a TypeError when `modelOrigin` is no URL. */
export const renderCommand = (row: AgentRow, context: RenderContext): RenderedCommand => {
  const { home, tmp, prompt, key } = context;
  const promptFile = `${tmp}/outpost-prompt.txt`;
  const values = {
    model: row.model ?? '',
    baseUrl: baseUrlOf(row, context.modelOrigin),
    home,
    tmp,
    promptFile,
  };
  const filled = (template: string): string => fill(template, values);
  const command =
    row.bunOptions === null
      ? [context.executable]
      : [context.bun, ...row.bunOptions.map(filled), context.executable];
  const env = Object.fromEntries(Object.entries(row.env).map(([name, value]) => [name, filled(value)]));
  const files = row.files.map((file) => ({
    path: filled(file.path),
    content: filled(file.template),
    mode: file.mode,
  }));
  const promptFiles = row.prompt === 'file' ? [{ path: promptFile, content: prompt, mode: 0o600 }] : [];
  return {
    argv: [...command, ...row.argv.map(filled)],
    env: {
      PATH,
      LANG: 'C.UTF-8',
      HOME: home,
      TMPDIR: tmp,
      ...env,
      ...(row.keyVariable === null || key === null ? {} : { [row.keyVariable]: key }),
    },
    files: [...files, ...promptFiles],
    stdin: row.prompt === 'stdin' ? prompt : '',
  };
};
