/** What a call came to, in a form that can be compared between services. */
export type Outcome = { readonly error?: string; readonly message?: string; readonly result?: unknown };

const SETS = new Set(['SS', 'NS', 'BS']);

/** Plain JSON with sorted members, sorted sets and hexadecimal bytes. */
function canonical(value: unknown): unknown {
  if (value instanceof Uint8Array) return `0x${Buffer.from(value).toString('hex')}`;
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value)
    .filter(([name, member]) => name !== '$metadata' && member !== undefined)
    .map(([name, member]) => {
      const plain = canonical(member);
      return [name, SETS.has(name) && Array.isArray(plain) ? plain.toSorted(byText) : plain] as const;
    });
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** Makes a call and tells its outcome: the result, or the error's name and cancellation reasons. */
export async function outcomeOf(send: () => Promise<object>, unordered = false): Promise<Outcome> {
  try {
    const result = canonical(await send());
    return { result: unordered ? sortLists(result) : result };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const { reasons, item } = failureDetails(error);
    return { error: error.name, message: error.message, result: canonical({ reasons, item }) };
  }
}

/** Cancellation reasons without their messages, and the item of a failed condition. */
function failureDetails(error: Error): { reasons?: unknown; item?: unknown } {
  const reasons = 'CancellationReasons' in error ? error.CancellationReasons : undefined;
  return {
    ...(Array.isArray(reasons) && {
      reasons: reasons.map((reason: { Code?: string; Item?: unknown }) => ({
        Code: reason.Code,
        Item: reason.Item,
      })),
    }),
    ...('Item' in error && { item: error.Item }),
  };
}

function sortLists(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => {
      if (Array.isArray(member)) return [name, member.toSorted(byJson)];
      return [name, name === 'Responses' ? sortLists(member) : member];
    }),
  );
}

const byJson = (left: unknown, right: unknown): number =>
  JSON.stringify(left) < JSON.stringify(right) ? -1 : 1;

const byText = (left: unknown, right: unknown): number =>
  String(left) < String(right) ? -1 : Number(String(left) > String(right));
