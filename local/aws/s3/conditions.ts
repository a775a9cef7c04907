import { noSuchKey, notImplemented, preconditionFailed } from './errors.ts';

/** What a condition is judged by; undefined when there is no such object. */
export type Validators = { etag: string; modified: number };

/**
 * Conditional writes: `If-None-Match: *` (create only) and `If-Match: <etag>` (replace that one only).
 * @throws PreconditionFailed (412), or NoSuchKey when If-Match names an object that does not exist
 */
export function requireWritable(headers: Headers, key: string, existing: Validators | undefined): void {
  const ifNoneMatch = headers.get('if-none-match');
  if (ifNoneMatch !== null && ifNoneMatch !== '*') {
    throw notImplemented('If-None-Match with an ETag on a write; S3 knows only *');
  }
  if (ifNoneMatch === '*' && existing !== undefined) throw preconditionFailed('If-None-Match');
  const ifMatch = headers.get('if-match');
  if (ifMatch === null) return;
  if (existing === undefined) throw noSuchKey(key);
  if (!matches(ifMatch, existing.etag)) throw preconditionFailed('If-Match');
}

/**
 * Conditional reads with the precedence of RFC 9110, section 13.2.2: If-Match before
 * If-Unmodified-Since, If-None-Match before If-Modified-Since.
 * @returns 'not modified' (304) or 'send'
 * @throws PreconditionFailed (412)
 */
export function judgeRead(headers: Headers, object: Validators): 'send' | 'not modified' {
  const ifMatch = headers.get('if-match');
  if (ifMatch !== null && !matches(ifMatch, object.etag)) throw preconditionFailed('If-Match');
  const unmodifiedSince = secondsOf(headers.get('if-unmodified-since'));
  if (ifMatch === null && unmodifiedSince !== undefined && seconds(object.modified) > unmodifiedSince) {
    throw preconditionFailed('If-Unmodified-Since');
  }
  const ifNoneMatch = headers.get('if-none-match');
  if (ifNoneMatch !== null) return matches(ifNoneMatch, object.etag) ? 'not modified' : 'send';
  const modifiedSince = secondsOf(headers.get('if-modified-since'));
  if (modifiedSince === undefined) return 'send';
  return seconds(object.modified) <= modifiedSince ? 'not modified' : 'send';
}

/** A list of entity tags, quoted or bare, or `*`. */
function matches(condition: string, etag: string): boolean {
  return condition.split(',').some((item) => {
    const tag = item.trim().replace(/^W\//, '');
    return tag === '*' || tag.replaceAll('"', '') === etag;
  });
}

const seconds = (milliseconds: number): number => Math.floor(milliseconds / 1000);

/** An HTTP date in seconds; one that does not parse counts as absent (RFC 9110, section 13.1.3). */
function secondsOf(date: string | null): number | undefined {
  const milliseconds = date === null ? Number.NaN : Date.parse(date);
  return Number.isNaN(milliseconds) ? undefined : seconds(milliseconds);
}
