import { expect, setDefaultTimeout, test } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import baseline from './baseline.json' with { type: 'json' };
import { type Figures, measureBundles, measurePathFigures } from './measured.ts';

/**
 * What a request costs in calls to AWS and a start in bytes may fall, and grow only on purpose: `bun run guard` writes
 * the baseline anew, and the difference is reviewed with the change that made it. Never a time.
 */
const known: Figures = baseline;
const REMEDY = 'If this is worth it, run `bun run guard` and commit tests/guard/baseline.json.';

/** A bundle may grow by this share before the baseline has to be written anew. */
const SLACK = 0.03;
/**
 * A busy machine can part calls that are made side by side, and can make a request long enough for work that is due
 * once in a while to fall into it. Both only ever add, so the least of several attempts is the figure.
 */
const ATTEMPTS = 4;

setDefaultTimeout(TEST_TIMEOUT_MS * ATTEMPTS);

test('no request path makes more calls to AWS, or more that wait for one another', async () => {
  let least: Figures['paths'] = {};
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    least = lesser(least, await measurePathFigures());
    if (grown(least).length === 0) break;
  }
  expect(Object.keys(least)).toEqual(Object.keys(known.paths));
  expect(grown(least), REMEDY).toEqual([]);
});

test('no function’s bundle has grown', async () => {
  const sizes = await measureBundles();
  expect(Object.keys(sizes).toSorted()).toEqual(Object.keys(known.bundles).toSorted());
  const larger = Object.entries(sizes)
    .map(([name, bytes]) => ({ name, bytes, was: known.bundles[name] ?? 0 }))
    .filter(({ bytes, was }) => bytes > was * (1 + SLACK));
  expect(larger, REMEDY).toEqual([]);
});

function lesser(a: Figures['paths'], b: Figures['paths']): Figures['paths'] {
  return Object.fromEntries(
    Object.entries(b).map(([path, cost]) => {
      const other = a[path] ?? cost;
      return [
        path,
        {
          round_trips: Math.min(cost.round_trips, other.round_trips),
          calls: Math.min(cost.calls, other.calls),
        },
      ];
    }),
  );
}

const grown = (found: Figures['paths']) =>
  Object.entries(found)
    .map(([path, cost]) => ({ path, ...cost, was: known.paths[path] }))
    .filter(
      ({ round_trips, calls, was }) =>
        was === undefined || round_trips > was.round_trips || calls > was.calls,
    );
