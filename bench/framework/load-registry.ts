import type { Bench } from '../model.ts';

/** The benchmarks that a module exports as BENCHES. Throws Error where it exports none. */
export async function loadRegistry(file: string): Promise<readonly Bench[]> {
  const { BENCHES }: { BENCHES?: readonly Bench[] } = await import(file);
  if (BENCHES === undefined) throw new Error(`${file} exports no BENCHES`);
  return BENCHES;
}
