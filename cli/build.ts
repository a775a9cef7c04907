import { parseArgs } from 'node:util';
import { fetchBun } from './build/layer.ts';
import { installStackPackages } from './stack-packages.ts';

/** `bun run build`: what a deployment uploads, in dist/. The same sources make the same bytes. */
const USAGE = `Usage: bun run build [--out folder]

Writes layer-{arm64,x64}.zip, one zip a function, the build context of the worker's image (worker/) and
manifest.json with their hashes.
  --out   another folder than dist/
`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      out: { type: 'string', default: 'dist' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  await Promise.all([installStackPackages(), fetchBun()]);
  // Bun remembers that a folder had no packages: what is in stacks/ is imported after their install.
  const { build } = await import('./build/build.ts');
  const faults = await build(values.out);
  for (const fault of faults) console.error(fault);
  return faults.length === 0 ? 0 : 1;
}

process.exitCode = await main();
