import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorLine, runTool } from '../../cli/run-tool.ts';

const FOLDER = join(import.meta.dirname, '../peers-cold');

export type Peers =
  | { readonly kind: 'ready'; readonly versions: Readonly<Record<string, string>>; readonly node: string }
  | { readonly kind: 'skipped'; readonly reason: string };

/** Installs the peers' pinned packages, which nothing else needs, and says what cannot be had here. */
export async function preparePeers(): Promise<Peers> {
  const node = Bun.which('node');
  if (node === null) return { kind: 'skipped', reason: 'no node on the PATH: install Node 20' };
  const version = (await runTool([node, '--version'], FOLDER)).output.trim();
  const options = ['install', '--frozen-lockfile', '--ignore-scripts', '--no-progress', '--no-summary'];
  const { exitCode, output } = await runTool([process.execPath, ...options], FOLDER);
  if (exitCode !== 0) return { kind: 'skipped', reason: `the npm registry: ${errorLine(output)}` };
  const manifest: { dependencies: Record<string, string> } = JSON.parse(
    readFileSync(join(FOLDER, 'package.json'), 'utf8'),
  );
  const { hono = '', esbuild = '', zod = '' } = manifest.dependencies;
  return { kind: 'ready', node, versions: { node: version, hono, esbuild, zod } };
}

/** Bundles a peer as its users would: esbuild, minified, for Node 20. Answers with the bundle's path. */
export async function bundlePeer(name: string, out: string): Promise<string> {
  const file = join(out, `${name}.mjs`);
  const argv = [
    esbuildBinary(),
    join(FOLDER, `${name}.mjs`),
    '--bundle',
    '--minify',
    '--platform=node',
    '--target=node20',
    '--format=esm',
    // What CommonJS packages in an ES module need on Node.
    "--banner:js=import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    `--outfile=${file}`,
  ];
  const { exitCode, output } = await runTool(argv, FOLDER);
  if (exitCode !== 0) throw new Error(`esbuild: ${errorLine(output)}`);
  return file;
}

export const peerSource = (name: string): string => join(FOLDER, `${name}.mjs`);

/** The binary itself: its install script, which would link it, is not run. */
function esbuildBinary(): string {
  const platform = `${process.platform}-${process.arch}`;
  const binary = join(FOLDER, 'node_modules/@esbuild', platform, 'bin/esbuild');
  if (!existsSync(binary)) throw new Error(`esbuild has no binary for ${platform}`);
  return binary;
}
