import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { type RenderContext, renderCommand } from '../../worker/agents/render.ts';
import type { AgentRow } from '../../worker/agents/row.ts';
import { type Parsed, parseRun } from './parser-harness.ts';

/** One run of a real CLI against the scripted model, without the worker around it. */
export type CliRun = Parsed & {
  readonly exitCode: number | null;
  readonly seconds: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The content of hello.txt in the workspace, or null. */
  readonly hello: string | null;
};

export type CliJob = {
  readonly row: AgentRow;
  readonly executable: string;
  readonly prompt: string;
  readonly key: string;
  readonly modelOrigin: string;
  /** Ends the run when it aborts; the run then has the exit code of a killed process. */
  readonly signal?: AbortSignal;
  readonly extraEnv?: Readonly<Record<string, string>>;
  /** What lies in the workspace before the start, by path. */
  readonly plants?: Readonly<Record<string, string>>;
};

const readOrNull = async (file: string): Promise<string | null> =>
  (await Bun.file(file).exists()) ? Bun.file(file).text() : null;

const spawnIn = async (job: CliJob, folder: string): Promise<CliRun> => {
  const [home, tmp, workspace] = [
    path.join(folder, 'home'),
    path.join(folder, 'tmp'),
    path.join(folder, 'ws'),
  ];
  for (const made of [home, tmp, workspace]) await mkdir(made);
  const context: RenderContext = { ...job, home, tmp, bun: process.execPath };
  const command = renderCommand(job.row, context);
  for (const file of command.files) {
    await mkdir(path.dirname(file.path), { recursive: true });
    await writeFile(file.path, file.content, { mode: file.mode });
  }
  for (const [name, content] of Object.entries(job.plants ?? {})) {
    await mkdir(path.dirname(path.join(workspace, name)), { recursive: true });
    await writeFile(path.join(workspace, name), content);
  }
  const start = performance.now();
  const child = Bun.spawn([...command.argv], {
    cwd: workspace,
    env: { ...command.env, ...job.extraEnv },
    stdin: new Blob([command.stdin]),
    stdout: 'pipe',
    stderr: 'pipe',
    killSignal: 'SIGKILL',
    ...(job.signal === undefined ? {} : { signal: job.signal }),
  });
  const [stdout, stderr] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  await child.exited;
  return {
    ...parseRun(job.row.parser, stdout, stderr),
    exitCode: child.exitCode,
    seconds: (performance.now() - start) / 1_000,
    stdout,
    stderr,
    hello: await readOrNull(path.join(workspace, 'hello.txt')),
  };
};

/** Runs a CLI to its end with a HOME, TMPDIR and workspace of its own, which are removed afterwards. */
export const runCli = async (job: CliJob): Promise<CliRun> => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'outpost-cli-'));
  try {
    return await spawnIn(job, folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

/** Runs at most `width` tasks at once, in the order in which they come. */
export const createLimiter = (width: number): (<T>(task: () => Promise<T>) => Promise<T>) => {
  let free = width;
  const waiting: (() => void)[] = [];
  return async (task) => {
    if (free > 0) free -= 1;
    else {
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting.push(resolve);
      await promise;
    }
    try {
      return await task();
    } finally {
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next();
    }
  };
};
