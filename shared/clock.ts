/** Time for lease arithmetic and for stamps. */
export type Clock = {
  /** Milliseconds since the epoch as AWS sees them: this machine's clock, corrected by AWS's Date headers. */
  now(): number;
  /** Milliseconds that never jump; comparable only within this process. */
  monotonic(): number;
};

export type AdjustableClock = Clock & {
  /** Takes the Date header of an answer that arrived just now, asked for `roundTripMs` ago. */
  observe(dateHeader: string, roundTripMs: number): void;
};

const DATE_HEADER_RESOLUTION_MS = 1000;
/** Servers may keep a rendered Date header for a moment; the lease margin allows for it. */
const DATE_HEADER_STALENESS_MS = 1000;

/**
 * A clock that follows AWS's. A Date header names a whole second, so the true time lies within that second,
 * the round trip or the header's staleness; while this machine's clock lies in there too, it is left alone.
 */
export function createClock(local: () => number = Date.now): AdjustableClock {
  let offset = 0;
  return {
    now: () => local() + offset,
    monotonic: () => performance.now(),
    observe(dateHeader, roundTripMs) {
      const second = Date.parse(dateHeader);
      if (Number.isNaN(second)) return;
      const arrived = local();
      const earliest = second - arrived;
      const latest = second + DATE_HEADER_RESOLUTION_MS + DATE_HEADER_STALENESS_MS - (arrived - roundTripMs);
      if (earliest <= offset && offset <= latest) return;
      offset = earliest <= 0 && 0 <= latest ? 0 : Math.round((earliest + latest) / 2);
    },
  };
}

export const isoTime = (milliseconds: number): string => new Date(milliseconds).toISOString();

/** Epoch seconds, the unit of DynamoDB's TTL. */
export const epochSeconds = (milliseconds: number): number => Math.floor(milliseconds / 1000);
