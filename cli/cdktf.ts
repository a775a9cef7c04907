import { installStackPackages } from './stack-packages.ts';

/**
 * `bun cli/cdktf.ts deploy 'outpost-*'` and the like: CDKTF's command line, pinned, fetched by the first that
 * asks for it (423 MB on disk), on Node, where alone it runs.
 */
const CLI = 'cdktf-cli@0.21.0';

await installStackPackages();
const child = Bun.spawn(['npx', '-y', CLI, ...process.argv.slice(2)], {
  env: { ...process.env, CHECKPOINT_DISABLE: '1' },
  stdio: ['inherit', 'inherit', 'inherit'],
});
process.on('SIGINT', () => child.kill('SIGINT'));
process.exitCode = await child.exited;
