import type { OutputParser } from '../parser.ts';

/** For an agent whose output is plain text: nothing is understood, and the exit code decides. */
export const createTextParser = (): OutputParser => ({
  stdout: () => [],
  stderr: () => [],
  finish: () => ({ verdict: null, usage: null }),
});
