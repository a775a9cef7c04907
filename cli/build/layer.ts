import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorLine, runTool } from '../run-tool.ts';
import type { ZipEntry } from '../../stacks/zip.ts';

const MANIFEST = join(import.meta.dirname, '../../stacks/layer');

export type Architecture = 'arm64' | 'x64';
export const ARCHITECTURES: readonly Architecture[] = ['arm64', 'x64'];

const PACKAGES: Readonly<Record<Architecture, string>> = {
  arm64: '@oven/bun-linux-aarch64',
  x64: '@oven/bun-linux-x64',
};

/** What Lambda starts: the layer's Bun on the function's bundle. Wherever the layer lies, its Bun is beside. */
export const BOOTSTRAP = `#!/bin/sh
exec "$(dirname "$0")/bun" --no-install "$LAMBDA_TASK_ROOT/index.js"
`;

/** Fetches the pinned Bun of both architectures from the npm registry. Throws Error with the remedy. */
export async function fetchBun(): Promise<void> {
  const options = [
    '--frozen-lockfile',
    '--ignore-scripts',
    '--no-progress',
    '--no-summary',
    '--os=*',
    '--cpu=*',
  ];
  const { exitCode, output } = await runTool([process.execPath, 'install', ...options], MANIFEST);
  if (exitCode === 0) return;
  throw new Error(
    `Bun for Lambda could not be fetched: ${errorLine(output)}. Check that the npm registry can be reached, then run it again.`,
  );
}

export const bunBinary = (architecture: Architecture): string =>
  join(MANIFEST, 'node_modules', PACKAGES[architecture], 'bin/bun');

/** The content of the layer that runs functions on Bun. */
export const layerEntries = (architecture: Architecture): ZipEntry[] => [
  { name: 'bootstrap', content: Buffer.from(BOOTSTRAP), mode: 0o755 },
  { name: 'bun', content: readFileSync(bunBinary(architecture)), mode: 0o755 },
];
