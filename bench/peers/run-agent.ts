/** Runs the agent of the dispatch benchmark and answers what it wrote: when it started. */
export async function runAgent(argv: readonly string[]): Promise<string> {
  const child = Bun.spawn([...argv], { stdin: 'ignore', stdout: 'pipe', stderr: 'inherit' });
  const [text, code] = await Promise.all([new Response(child.stdout).text(), child.exited]);
  if (code !== 0) throw new Error(`the agent ended with ${code}`);
  return text.trim();
}
