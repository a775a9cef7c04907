import { readFileSync } from 'node:fs';
import { arch, availableParallelism, cpus, loadavg, release, totalmem, type as systemName } from 'node:os';
import { join } from 'node:path';
import { type } from 'arktype';
import type { Environment } from './stored-result.ts';

const ROOT = join(import.meta.dirname, '../..');

const Manifest = type({ version: 'string', dependencies: 'Record<string, string>' });

/** What ran where: enough to tell whether two results may be compared. */
export function readEnvironment(): Environment {
  const manifest = Manifest.assert(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')));
  const { dependencies } = manifest;
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memory_gib: Math.round(totalmem() / 1024 ** 3),
    os: `${systemName()} ${release()} ${arch()}`,
    load_before: Math.round((loadavg()[0] ?? 0) * 100) / 100,
    versions: {
      outpost: commit() ?? manifest.version,
      bun: Bun.version,
      elysia: dependencies['elysia'] ?? 'unknown',
      'aws-sdk': dependencies['@aws-sdk/client-dynamodb'] ?? 'unknown',
    },
  };
}

/** What a benchmark writes itself. */
const WRITTEN = ['bench/results', 'docs/performance.md', 'docs/plots'];

/** The commit that is measured, marked when other files differ from it. Undefined outside a git work tree. */
function commit(): string | undefined {
  if (Bun.which('git') === null) return undefined;
  const git = (...args: string[]) => Bun.spawnSync(['git', ...args], { cwd: ROOT, stderr: 'ignore' });
  const head = git('rev-parse', '--short=12', 'HEAD');
  if (head.exitCode !== 0) return undefined;
  const differs = git('diff', '--quiet', 'HEAD', '--', '.', ...WRITTEN.map((path) => `:!${path}`));
  return `${head.stdout.toString().trim()}${differs.exitCode === 0 ? '' : '-dirty'}`;
}
