import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { XMLParser } from 'fast-xml-parser';
import { fittedExponent, formatNumber, median, percentile } from '../../bench/framework/figures.ts';
import { runBenches } from '../../bench/framework/run-benches.ts';
import { readResult } from '../../bench/framework/stored-result.ts';
import { BENCHES } from '../../bench/registry.ts';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

const folder = mkdtempSync(join(tmpdir(), 'outpost-bench-test-'));
const folders = { results: join(folder, 'results'), docs: join(folder, 'docs') };
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const parser = new XMLParser({ ignoreAttributes: false });

const run = async (names: readonly string[]): Promise<{ failed: readonly string[]; printed: string }> => {
  let printed = '';
  const failed = await runBenches({
    registry: join(import.meta.dir, 'tiny-registry.ts'),
    names,
    quick: true,
    folders,
    colours: false,
    print: (text) => {
      printed += text;
    },
  });
  return { failed, printed };
};

describe('bun run bench', () => {
  test('one that fails is named and the others still report', async () => {
    const { failed, printed } = await run([]);
    expect(failed).toEqual(['broken']);
    expect(printed).toContain('broken failed: it ended with code 1');
    expect(printed).toContain('quick look');
    expect(printed).toMatch(/^what {3}requests\/s {14}p99$/m);
    expect(printed).toMatch(/^a \| b {7}1,235 {2}1\.5 ms \(1 to 2\)$/m);
    expect(printed).toContain('✗ p99 of d: 9 ms (target < 1 ms): It sleeps.');
    expect(printed).toContain('skipped Redis: not installed');
    expect(readdirSync(folders.results)).toEqual(['tiny.json']);
  });

  test('the result names its machine, versions and rounds', () => {
    const result = readResult(folders.results, 'tiny');
    expect(result).toMatchObject({ name: 'tiny', quick: true, rounds: 3 });
    expect(result?.environment.cores).toBeGreaterThan(0);
    expect(result?.environment.versions).toMatchObject({ bun: Bun.version, peer: '1.2.3' });
  });

  test('the page has the targets, the misses with their cause, what was skipped, tables and plots', () => {
    const page = readFileSync(join(folders.docs, 'performance.md'), 'utf8');
    expect(page).toContain(
      '| p99 of c | < 5 ms | 3 ms | yes | [Tiny: what is measured](#tiny-what-is-measured) |',
    );
    expect(page).toContain('- p99 of d: 9 ms where < 1 ms was the target. It sleeps.');
    expect(page).toContain('- Redis: not installed');
    expect(page).toContain(
      '| what | requests/s | p99 |\n| --- | ---: | ---: |\n| a \\| b | 1,235 | 1.5 ms (1 to 2) |',
    );
    expect(page).toContain('![Growth <of> one & all](plots/tiny-line.svg)');
  });

  test('the plots are SVG that shows every point and the exponent', () => {
    const line = readFileSync(join(folders.docs, 'plots/tiny-line.svg'), 'utf8');
    const { svg } = parser.parse(line);
    expect(svg['@_aria-label']).toBe('Growth <of> one & all');
    const drawn: string[] = svg.polyline['@_points'].split(' ');
    const [first, middle, last] = drawn.map((point) => point.split(',').map(Number));
    expect(drawn).toHaveLength(3);
    // Both axes are logarithmic, so the middle of three decades lies half-way; and up is less in SVG.
    expect(middle?.[0]).toBeCloseTo(((first?.[0] ?? 0) + (last?.[0] ?? 0)) / 2, 0);
    expect(first?.[1]).toBeGreaterThan(last?.[1] ?? Infinity);
    expect(JSON.stringify(svg.text)).toContain('list, grows as x^1.00');
    const bar = readFileSync(join(folders.docs, 'plots/tiny-bar.svg'), 'utf8');
    const drawnBars: Record<string, string>[] = parser.parse(bar).svg.rect.slice(1);
    const widths = drawnBars.map((rect) => Number(rect['@_width']));
    expect((widths[1] ?? 0) / (widths[0] ?? 0)).toBeCloseTo(2, 1);
  });

  test('an unknown name is refused with those that exist', async () => {
    await expect(run(['nothing'])).rejects.toThrow('unknown benchmark nothing: they are broken, tiny');
  });

  test('names of results, sections and plots are each their own', () => {
    const names = BENCHES.map((bench) => bench.name);
    expect(new Set(names).size).toBe(names.length);
  });
});

describe('figures', () => {
  test('percentiles are nearest ranks and a median of two is their mean', () => {
    const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect([0.5, 0.95, 0.99, 1].map((share) => percentile(hundred, share))).toEqual([50, 95, 99, 100]);
    expect(median([3, 1])).toBe(2);
    expect(() => percentile([], 0.5)).toThrow(RangeError);
  });

  test('the exponent of a power law is found', () => {
    const squares = [1, 10, 100].map((x) => ({ x, y: 3 * x ** 2 }));
    expect(fittedExponent(squares)).toBeCloseTo(2, 10);
  });

  test('numbers keep three digits', () => {
    expect([0.01234, 4.5678, 99.95, 1234.5, 1_000_000].map(formatNumber)).toEqual([
      '0.0123',
      '4.57',
      '100',
      '1,235',
      '1,000,000',
    ]);
  });
});
