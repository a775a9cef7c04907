import { expect, test } from 'bun:test';
import { KNOWN_DIFFERENCES, type BackendName, type KnownDifference } from './known-differences.ts';

/** One promise of AWS, checked through an SDK client. `name` is fresh for each run. */
export type Check<Client> = { readonly what: string; run(client: Client, name: string): Promise<void> };

/** Some checks wait for time to pass, all at once, on a machine that others use too. */
const TIMEOUT_MS = 180_000;

/** Defines a test for each check. A known difference must really occur, and must name a check. */
export function testContract<Client>(
  suite: KnownDifference['suite'],
  backend: BackendName,
  checks: readonly Check<Client>[],
  client: () => Client,
): void {
  const differences = KNOWN_DIFFERENCES.filter((known) => known.suite === suite && known.backend === backend);
  for (const { check } of differences) {
    if (!checks.some(({ what }) => what === check)) throw new Error(`no such check: ${check}`);
  }
  for (const { what, run } of checks) {
    const known = differences.find(({ check }) => check === what);
    const attempt = (): Promise<void> => run(client(), `contract-${crypto.randomUUID()}`);
    if (known === undefined) {
      test.concurrent(what, attempt, TIMEOUT_MS);
    } else {
      test.concurrent(
        `known difference: ${what} (${known.why})`,
        async () => {
          const kept = await attempt().then(
            () => true,
            () => false,
          );
          expect(kept, 'the backend keeps this promise: remove the entry').toBe(false);
        },
        TIMEOUT_MS,
      );
    }
  }
}

/** The name of the error that a call rejects with. Fails where it resolves. */
export async function errorName(call: Promise<unknown>): Promise<string> {
  const outcome = await call.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  expect(outcome).toBeInstanceOf(Error);
  return outcome instanceof Error ? outcome.name : '';
}
