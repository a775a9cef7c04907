import { existsSync } from 'node:fs';
import { installStackPackages } from './stack-packages.ts';

/**
 * `bun run synth`, and CDKTF's own command for the app (cdktf.json): fetches what only the stacks need, builds
 * what they upload when there is no build, and writes the stacks of OUTPOST_ENV to cdktf.out/.
 */
async function main(): Promise<number> {
  await installStackPackages();
  if (!existsSync('dist/manifest.json')) {
    console.log('There is no build in dist/: building.');
    const child = Bun.spawn([process.execPath, 'cli/build.ts'], { stdio: ['ignore', 'inherit', 'inherit'] });
    const code = await child.exited;
    if (code !== 0) return code;
  }
  const started = performance.now();
  await import('../main.ts');
  console.log(
    `Stacks of ${process.env['OUTPOST_ENV'] || 'dev'} in ${((performance.now() - started) / 1000).toFixed(1)} s`,
  );
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : 'synth failed');
  process.exitCode = 1;
}
