import { join } from 'node:path';
import { installPackages } from './install-packages.ts';

const FOLDER = join(import.meta.dirname, '../bench/peers');

/** Installs the queues that benchmarks compare with (bench/peers/package.json: 25 MB) unless they are there. */
export const installPeerPackages = (): Promise<void> => installPackages(FOLDER);
