/** Outpost's own keys and the providers' usual shapes. */
const CREDENTIALS =
  /\b(?:op_(?:live|test)_[0-9a-f]{8,}|sk-[A-Za-z0-9_-]{16,}|xai-[A-Za-z0-9_-]{16,}|AIza[A-Za-z0-9_-]{20,}|whsec_\w{16,}|(?:sk|rk)_(?:live|test)_\w{16,})/g;

/**
 * Cuts out what looks like a credential, for text that others wrote and we keep: log lines, paths, user agents.
 * Best effort: nothing of ours may put a key there to begin with.
 */
export const redactCredentials = (text: string): string => text.replaceAll(CREDENTIALS, '[redacted]');
