import { type } from 'arktype';

/** The names that templates may use in braces. */
const PLACEHOLDERS = ['model', 'baseUrl', 'home', 'tmp', 'promptFile'] as const;

const PLACEHOLDER = /\{([A-Za-z]+)\}/g;

const unknownPlaceholder = (text: string): string | undefined =>
  [...text.matchAll(PLACEHOLDER)]
    .map((match) => match[1] ?? '')
    .find((name) => !PLACEHOLDERS.some((known) => known === name));

/**
 * Text with placeholders: {model} {baseUrl} {home} {tmp} {promptFile}. There is none for the prompt: other
 * users of a machine can read an argument list, and a prompt such as `--version` would be taken for an option.
 */
const Template = type('string').narrow((text, context) => {
  const unknown = unknownPlaceholder(text);
  return unknown === undefined || context.mustBe(`without the unknown placeholder {${unknown}}`);
});

/** A path for each platform: `linux-x64`, `linux-x64-musl`, `darwin-arm64` ..., or `any`. */
const PerPlatform = type({ '[string]': 'string' });

/** One agent as data: everything the worker needs to run a CLI, except how to read its output. */
export const AgentRow = type({
  '+': 'reject',
  id: /^[a-z][a-z0-9-]{0,31}$/,
  /** Where its pinned, locked manifest is: worker/agents/npm or worker/agents/pypi; `none` needs no install. */
  install: "'npm' | 'pypi' | 'none'",
  /**
   * The executable by platform, relative to the agent's install folder unless absolute: the platform's
   * binary, not a wrapper that starts it.
   */
  exec: PerPlatform,
  /** For a CLI written in JavaScript: the options of the worker's own Bun, which runs it. */
  bunOptions: Template.array().or('null'),
  /** By platform, the Brotli-compressed file that `exec` is unpacked from after an install. */
  unpack: PerPlatform.or('null'),
  argv: Template.array(),
  prompt: "'stdin' | 'file'",
  /** Whose key it needs (shared/agents.ts), or null for an agent that calls no model. */
  provider: "'anthropic' | 'openai' | 'google' | 'xai' | null",
  /** The variable that carries the tenant's key. */
  keyVariable: 'string | null',
  /** The provider's own base URL, in the form that this CLI expects it. */
  baseUrl: 'string | null',
  /** What this CLI wants appended to a bare origin when a base URL is overridden, for example `/v1`. */
  baseUrlSuffix: 'string',
  /** The value of {model}, or null to leave the choice to the pinned CLI. */
  model: 'string | null',
  /** The child's environment besides the key, PATH, HOME and TMPDIR; nothing is inherited. */
  env: { '[string]': Template },
  /** Files written before the start, under {home} or {tmp}; `mode` in decimal. */
  files: type({ path: Template, template: Template, mode: 'number.integer' }).array(),
  /** Which parser of worker/agents/parsers reads its output. */
  parser: "'aider' | 'claude' | 'codex' | 'gemini' | 'grok' | 'text'",
  /** Milliseconds between TERM and KILL. */
  killGraceMs: 'number.integer >= 0',
  minMemoryMb: 'number.integer >= 0',
});
export type AgentRow = typeof AgentRow.infer;
