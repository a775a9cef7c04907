/**
 * What a benchmark is and what it hands over. `bun run bench` runs them, prints their tables, writes
 * bench/results/<name>.json and draws docs/performance.md; a benchmark itself prints nothing but progress.
 */
export type Bench = {
  /** Names the folder under bench/, the results file and the anchor in docs/performance.md. */
  readonly name: string;
  readonly title: string;
  /** Markdown: what is measured, how, against what, and how to read it. */
  readonly about: string;
  readonly run: (context: BenchContext) => Promise<BenchResult>;
};

export type BenchContext = {
  /** Few rounds and small sizes: to see that it runs, never for figures that are kept. */
  readonly quick: boolean;
  readonly progress: (line: string) => void;
};

export type BenchResult = {
  readonly tables: readonly Table[];
  readonly plots: readonly Plot[];
  readonly targets: readonly Target[];
  /** What could not be measured here, and how to get it: a peer that is not installed. */
  readonly skipped: readonly { readonly what: string; readonly reason: string }[];
  /** How often everything was measured, interleaved. */
  readonly rounds?: number;
  /** What was measured besides Outpost, by name: peers and their servers. */
  readonly versions?: Readonly<Record<string, string>>;
};

/** A median over rounds with its spread; equal low and high mean one round. */
export type Figure = {
  readonly median: number;
  readonly low: number;
  readonly high: number;
  readonly unit: string;
};

export type Cell = string | number | Figure;

export type Table = {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
  readonly note?: string;
};

export type Point = { readonly x: number; readonly y: number };

export type Plot = {
  /** Names the file docs/plots/<id>.svg. */
  readonly id: string;
  readonly title: string;
  readonly kind: 'line' | 'bar';
  readonly x: { readonly label: string; readonly log: boolean };
  readonly y: { readonly label: string; readonly log: boolean };
  readonly series: readonly {
    readonly name: string;
    readonly points: readonly Point[];
    /** y ~ x^exponent, least squares on the logarithms. */
    readonly exponent?: number;
  }[];
};

/** A row of the numbers table of requirements.md, or one that a benchmark sets itself. */
export type Target = {
  readonly metric: string;
  readonly target: string;
  readonly measured: string;
  readonly met: boolean;
  /** Why it was missed; required when it was. */
  readonly cause?: string;
};
