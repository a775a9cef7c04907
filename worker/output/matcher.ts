/**
 * An Aho-Corasick automaton over bytes: finds every occurrence of many patterns in one pass, however the
 * input is cut. Aho and Corasick, "Efficient string matching", CACM 18(6), 1975.
 */
export type Matcher = {
  /**
   * Reads `bytes` from `state` (0 at the beginning) and answers the state after them. `found` hears of every
   * index where patterns end, with the length of the longest of them.
   */
  readonly scan: (state: number, bytes: Uint8Array, found: (index: number, length: number) => void) => number;
  /** How many of the bytes read last could still become a pattern with what follows: the longest such run. */
  readonly undecided: (state: number) => number;
};

/** Builds the automaton: 1 KiB of table for each distinct prefix of a pattern. */
export const createMatcher = (patterns: readonly Uint8Array[]): Matcher => {
  const states = 1 + patterns.reduce((sum, pattern) => sum + pattern.length, 0);
  const table = new Int32Array(states * 256);
  /** The length of each state's prefix; completeFailures lowers it where nothing can follow. */
  const undecided = new Int32Array(states);
  const matches = new Int32Array(states);
  let used = 1;
  for (const pattern of patterns) {
    let state = 0;
    for (const byte of pattern) {
      const edge = state * 256 + byte;
      const known = table[edge] ?? 0;
      if (known === 0) {
        undecided[used] = (undecided[state] ?? 0) + 1;
        table[edge] = used;
        used += 1;
      }
      state = table[edge] ?? 0;
    }
    matches[state] = pattern.length;
  }
  completeFailures(table, matches, undecided, used);
  return {
    scan: (from, bytes, found) => {
      let state = from;
      for (let index = 0; index < bytes.length; index += 1) {
        state = table[state * 256 + (bytes[index] ?? 0)] ?? 0;
        const length = matches[state] ?? 0;
        if (length > 0) found(index, length);
      }
      return state;
    },
    undecided: (state) => undecided[state] ?? 0,
  };
};

/** Turns the trie into a complete automaton, breadth first: a missing edge becomes that of the failure state. */
const completeFailures = (
  table: Int32Array,
  matches: Int32Array,
  undecided: Int32Array,
  states: number,
): void => {
  const failure = new Int32Array(states);
  const queue: number[] = [];
  for (let byte = 0; byte < 256; byte += 1) {
    const child = table[byte] ?? 0;
    if (child !== 0) queue.push(child);
  }
  for (const state of queue) {
    const fallback = failure[state] ?? 0;
    matches[state] = Math.max(matches[state] ?? 0, matches[fallback] ?? 0);
    const leaf = table.subarray(state * 256, state * 256 + 256).every((child) => child === 0);
    if (leaf) undecided[state] = undecided[fallback] ?? 0;
    for (let byte = 0; byte < 256; byte += 1) {
      const edge = state * 256 + byte;
      const child = table[edge] ?? 0;
      const detour = table[fallback * 256 + byte] ?? 0;
      if (child === 0) {
        table[edge] = detour;
      } else {
        failure[child] = detour;
        queue.push(child);
      }
    }
  }
};
