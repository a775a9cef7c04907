import process from 'node:process';
import { lambda } from './functions/api.ts';
import { runFunction } from './runtime/run-function.ts';

/** The API's entry on Lambda. `bun run build` makes one like it for each of api/functions. */
void runFunction(process.env, lambda);
