import type { Bench } from '../../bench/model.ts';
import { figureOf, fittedExponent } from '../../bench/framework/figures.ts';

/** Benchmarks that take no time: one of each kind of outcome. */

const POINTS = [
  { x: 1, y: 2 },
  { x: 10, y: 20 },
  { x: 100, y: 200 },
];

const tiny: Bench = {
  name: 'tiny',
  title: 'Tiny: what is measured',
  about: 'Nothing, **quickly**.',
  run: async ({ quick, progress }) => {
    progress(quick ? 'quick look' : 'whole run');
    return {
      tables: [
        {
          title: 'Speeds',
          columns: ['what', 'requests/s', 'p99'],
          rows: [
            ['a | b', 1234.5, figureOf([2, 1], 'ms')],
            ['c', 7, { median: 3, low: 3, high: 3, unit: 'ms' }],
          ],
        },
      ],
      plots: [
        {
          id: 'tiny-line',
          title: 'Growth <of> one & all',
          kind: 'line',
          x: { label: 'jobs', log: true },
          y: { label: 'ms', log: true },
          series: [{ name: 'list', points: POINTS, exponent: fittedExponent(POINTS) }],
        },
        {
          id: 'tiny-bar',
          title: 'Beside others',
          kind: 'bar',
          x: { label: '', log: false },
          y: { label: 'requests/s', log: false },
          series: [
            { name: 'one', points: [{ x: 0, y: 10 }] },
            { name: 'other', points: [{ x: 0, y: 20 }] },
          ],
        },
      ],
      targets: [
        { metric: 'p99 of c', target: '< 5 ms', measured: '3 ms', met: true },
        { metric: 'p99 of d', target: '< 1 ms', measured: '9 ms', met: false, cause: 'It sleeps.' },
      ],
      skipped: [{ what: 'Redis', reason: 'not installed' }],
      rounds: 3,
      versions: { peer: '1.2.3' },
    };
  },
};

const broken: Bench = {
  name: 'broken',
  title: 'Broken',
  about: 'It fails.',
  run: () => Promise.reject(new Error('broken on purpose')),
};

export const BENCHES: readonly Bench[] = [broken, tiny];
