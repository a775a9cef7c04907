import { XMLParser } from 'fast-xml-parser';

export type TestReport = {
  readonly passed: number;
  readonly failed: number;
  /** The skipped tests: file, suites and name. A name says why. */
  readonly skipped: readonly string[];
  /** The files that ran at least one test, or skipped it. */
  readonly files: ReadonlySet<string>;
};

type Element = { readonly [name: string]: unknown };

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '',
  parseAttributeValue: false,
  processEntities: { enabled: true, maxTotalExpansions: 1_000_000, maxExpandedLength: 100_000_000 },
  isArray: (name) => name === 'testsuite' || name === 'testcase',
});

/** Counts the test cases of a JUnit file. A file that does not exist counts nothing. */
export async function readReport(path: string): Promise<TestReport> {
  const file = Bun.file(path);
  const report = { passed: 0, failed: 0, skipped: [] as string[], files: new Set<string>() };
  if (!(await file.exists())) return report;
  const document: Element = parser.parse(await file.text());
  for (const { testcase, suites } of testCases(document['testsuites'], [])) {
    report.files.add(text(testcase['file']));
    if ('failure' in testcase || 'error' in testcase) report.failed += 1;
    else if ('skipped' in testcase) report.skipped.push([...suites, text(testcase['name'])].join(' > '));
    else report.passed += 1;
  }
  return report;
}

/** The cases of an element and of the suites within it; the outermost suite is the file. */
function* testCases(
  element: unknown,
  suites: readonly string[],
): Generator<{ testcase: Element; suites: readonly string[] }> {
  if (!isElement(element)) return;
  for (const testcase of elements(element['testcase'])) yield { testcase, suites };
  for (const suite of elements(element['testsuite'])) {
    yield* testCases(suite, [...suites, text(suite['name'])]);
  }
}

const isElement = (value: unknown): value is Element => typeof value === 'object' && value !== null;

const elements = (value: unknown): Element[] => (Array.isArray(value) ? value.filter(isElement) : []);

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
