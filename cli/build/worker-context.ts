import { chmodSync, cpSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { BunPlugin } from 'bun';
import { ARCHITECTURES, bunBinary } from './layer.ts';
import { standIn } from './schemas/stand-in.ts';
import { writeValidators } from './schemas/validators-module.ts';

const ROOT = join(import.meta.dirname, '../..');

/** Docker's names of the architectures. */
const PLATFORMS = { arm64: 'arm64', x64: 'amd64' } as const;

/**
 * Everything that `docker build` of the worker's image needs, in one folder:
 *
 *     Dockerfile
 *     bin/<platform>/bun      the pinned Bun
 *     worker/main.js          the worker
 *     worker/main.ts          its watchdog, which the worker starts under this name beside itself
 *     install/cli/agents.js   the installer of agents, and the manifests that it reads
 */
export async function writeWorkerContext(folder: string): Promise<void> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  cpSync(join(ROOT, 'worker/Dockerfile'), join(folder, 'Dockerfile'));
  for (const architecture of ARCHITECTURES) {
    const bun = join(folder, 'bin', PLATFORMS[architecture], 'bun');
    cpSync(bunBinary(architecture), bun);
    chmodSync(bun, 0o755);
  }
  await bundleWorker(join(folder, 'worker'));
  await bundle('cli/agents.ts', join(folder, 'install/cli/agents.js'));
  for (const manifests of ['npm', 'pypi']) {
    cpSync(join(ROOT, 'worker/agents', manifests), join(folder, 'install/worker/agents', manifests), {
      recursive: true,
      filter: (path) => !path.includes('node_modules'),
    });
  }
}

export const WORKER_ENTRIES = ['worker/main.ts', 'worker/watchdog/main.ts'].map((entry) => join(ROOT, entry));

/**
 * The worker and its watchdog as the image runs them, `main.js` and `main.ts` of a folder. Their schemas are
 * compiled: making them would take most of a start, and a fifth of the memory.
 */
export async function bundleWorker(folder: string): Promise<void> {
  const { source } = await writeValidators(WORKER_ENTRIES);
  const plugins = [standIn({ validators: source })];
  await bundle('worker/main.ts', join(folder, 'main.js'), plugins);
  await bundle('worker/watchdog/main.ts', join(folder, 'main.ts'), plugins);
}

async function bundle(entry: string, file: string, plugins: BunPlugin[] = []): Promise<void> {
  const built = await Bun.build({
    plugins,
    entrypoints: [join(ROOT, entry)],
    root: ROOT,
    target: 'bun',
    format: 'esm',
    minify: { whitespace: true, syntax: true },
  });
  if (!built.success) throw new AggregateError(built.logs, `${entry} could not be bundled`);
  const [output] = built.outputs;
  if (output === undefined) throw new Error(`${entry} made no bundle`);
  await Bun.write(file, output);
}
