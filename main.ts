import { outpostApp } from './stacks/app.ts';
import { readSettings } from './stacks/config.ts';

/** The CDKTF app: `bun main.ts` writes the stacks of the environment that OUTPOST_ENV names to cdktf.out/. */
outpostApp(readSettings(), { routes: 'docs/openapi.json', artifacts: 'dist' }).synth();
