import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Figures, measureBundles, measurePathFigures } from './measured.ts';

/** `bun run guard`: measures what tests/guard holds changes to, and writes it down. Review the difference. */
const figures: Figures = { paths: await measurePathFigures(), bundles: await measureBundles() };
writeFileSync(join(import.meta.dirname, 'baseline.json'), `${JSON.stringify(figures, null, 2)}\n`);
console.log(JSON.stringify(figures, null, 2));
process.exit(0);
