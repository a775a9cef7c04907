// Node and nothing else: what no function on it can be faster than.
import { runLoop } from './loop.mjs';

await runLoop(() => ({ statusCode: 200, headers: {}, body: 'ok' }));
