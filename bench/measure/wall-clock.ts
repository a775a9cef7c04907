/** Epoch milliseconds with fractions, to compare with what another process on this machine wrote. */
export const wallClock = (): number => performance.timeOrigin + performance.now();
