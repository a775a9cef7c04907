import { lambda } from '../../api/functions/stream.ts';
import { runFunction } from '../../api/runtime/run-function.ts';

/** The streaming function's entry, as `bun run build` writes it. */
void runFunction(process.env, lambda);
