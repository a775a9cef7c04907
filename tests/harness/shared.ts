import type { Aws } from '../../shared/deps.ts';
import { type LocalAws, sharedLocalAws } from './local-aws.ts';
import { awsOf, startApi, type TestApi } from './outpost.ts';

export type SharedOutpost = { readonly local: LocalAws; readonly aws: Aws; readonly api: TestApi };

let shared: Promise<SharedOutpost> | undefined;

/**
 * One local AWS and one API for all test files of this process; each test makes a tenant of its own.
 * tests/harness/preload.ts stops them after the last file.
 */
export function sharedOutpost(): Promise<SharedOutpost> {
  shared ??= start();
  return shared;
}

async function start(): Promise<SharedOutpost> {
  const local = await sharedLocalAws();
  return { local, aws: awsOf(local), api: await startApi(local) };
}

/** Stops the shared API, if one was started. */
export async function stopSharedOutpost(): Promise<void> {
  const running = shared;
  shared = undefined;
  if (running !== undefined) await (await running).api.stop();
}
