import { redactCredentials } from '../shared/redact-credentials.ts';

/** What an audit entry keeps of text that a stranger wrote. */
const SHOWN = 256;

/** A path as the entry's resource, without its first slash. A key that somebody put into a URL is cut out. */
export const auditedPath = (path: string): string => redactCredentials(path).slice(1, SHOWN + 1);

export const auditedAgent = (userAgent: string | null): string | null =>
  userAgent === null ? null : redactCredentials(userAgent).slice(0, SHOWN);
