/** The outcome of a tool: how it ended and the last lines it printed. */
export type ToolRun = { readonly exitCode: number; readonly output: string };

/** Runs an installer's tool to its end, with this process's environment (registry settings, proxies). */
export const runTool = async (argv: readonly string[], cwd: string): Promise<ToolRun> => {
  const child = Bun.spawn([...argv], { cwd, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' });
  const [stdout, stderr, exitCode] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { exitCode, output: `${stdout}\n${stderr}` };
};

/** The first line that names an error, else the last line. */
export const errorLine = (output: string): string => {
  const lines = output
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  return (lines.find((line) => /^error\b|^ERROR\b/i.test(line)) ?? lines.at(-1) ?? 'no message').slice(
    0,
    300,
  );
};
