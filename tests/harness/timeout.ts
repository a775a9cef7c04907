/**
 * What one test or hook may take, for files that start real processes: what hangs fails, what is slow or
 * repeated often does not. Bun sets a default timeout a file at a time, so each such file sets it.
 */
export const TEST_TIMEOUT_MS =
  (120_000 + 60_000 * Number(process.env['OUTPOST_TEST_SCALE'] ?? 1)) *
  // More for what runs a suite on something slower.
  Number(process.env['OUTPOST_TEST_PATIENCE'] ?? 1);
