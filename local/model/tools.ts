import { HELLO_CONTENT, HELLO_FILE } from './commands.ts';

/** The input is an object, or source text for a tool that takes code (codex's `exec`). */
export type ToolInput = Readonly<Record<string, unknown>> | string;
export type ToolCall = { readonly name: string; readonly input: ToolInput };

type Tool = { readonly name: string; readonly input: (value: string) => ToolInput };

/** Codex offers its newer models one tool that runs JavaScript, from which they call the others. */
const CODE_TOOL = 'exec';

const patchThatAdds = (file: string, content: string): string =>
  ['*** Begin Patch', `*** Add File: ${file}`, `+${content.trimEnd()}`, '*** End Patch', ''].join('\n');

/** Ten minutes: longer than any test waits, so that the CLI does not end a blocking command by itself. */
const COMMAND_TIMEOUT_MS = 600_000;

/** The file-writing tools of the known CLIs, by the name under which they are offered to the model. */
const WRITERS: readonly Tool[] = [
  { name: 'Write', input: (content) => ({ file_path: HELLO_FILE, content }) },
  { name: 'write_file', input: (content) => ({ file_path: HELLO_FILE, content }) },
  { name: 'write', input: (content) => ({ file_path: HELLO_FILE, content }) },
  {
    name: CODE_TOOL,
    input: (content) =>
      `text(await tools.apply_patch(${JSON.stringify(patchThatAdds(HELLO_FILE, content))}));`,
  },
];

/** Their shells. */
const SHELLS: readonly Tool[] = [
  {
    name: 'Bash',
    input: (command) => ({ command, description: 'Scripted command', timeout: COMMAND_TIMEOUT_MS }),
  },
  {
    name: CODE_TOOL,
    input: (cmd) =>
      `const result = await tools.exec_command(${JSON.stringify({ cmd, yield_time_ms: 30_000 })});\ntext(result.output);`,
  },
  { name: 'exec_command', input: (cmd) => ({ cmd, yield_time_ms: COMMAND_TIMEOUT_MS }) },
  { name: 'shell_command', input: (command) => ({ command, timeout_ms: COMMAND_TIMEOUT_MS }) },
  { name: 'shell', input: (command) => ({ command: ['sh', '-c', command], timeout_ms: COMMAND_TIMEOUT_MS }) },
  { name: 'run_shell_command', input: (command) => ({ command, description: 'Scripted command' }) },
  {
    name: 'run_terminal_command',
    input: (command) => ({
      command,
      description: 'Scripted command',
      is_background: false,
      timeout: COMMAND_TIMEOUT_MS,
    }),
  },
];

const firstOffered = (known: readonly Tool[], offered: readonly string[]): Tool | null =>
  known.find((tool) => offered.includes(tool.name)) ?? null;

/** A call that runs a command in the CLI's shell, or null when the request offers no shell we know. */
export const shellCall = (offered: readonly string[], command: string): ToolCall | null => {
  const tool = firstOffered(SHELLS, offered);
  return tool && { name: tool.name, input: tool.input(command) };
};

/** A call that writes hello.txt by the CLI's file-writing tool, or null when it offers none we know. */
export const writeCall = (offered: readonly string[]): ToolCall | null => {
  const tool = firstOffered(WRITERS, offered);
  return tool && { name: tool.name, input: tool.input(HELLO_CONTENT) };
};
