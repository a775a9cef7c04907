import { afterAll } from 'bun:test';
import { stopSharedLocalAws } from './local-aws.ts';
import { stopSharedOutpost } from './shared.ts';

// Registered in a preload, so it runs once, after the last test file.
afterAll(async () => {
  await stopSharedOutpost();
  await stopSharedLocalAws();
});
