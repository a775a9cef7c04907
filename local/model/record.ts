/** What the scripted model remembers of a request: enough to prove whose key was used, never the key. */
export type RequestRecord = {
  readonly method: string;
  /** Without the query, which may carry a key. */
  readonly path: string;
  readonly key_present: boolean;
  /** Null for keys too short to show a part of. */
  readonly key_last4: string | null;
  /** Null for what is not a model call. Set as soon as the body is read, before the answer. */
  scenario: string | null;
};

const MIN_KEY_TO_SHOW = 12;
const MAX_RECORDS = 1_000;

const keyOf = (request: Request, url: URL): string | null => {
  const bearer = /^Bearer\s+(\S+)$/i.exec(request.headers.get('authorization') ?? '');
  return (
    bearer?.[1] ??
    request.headers.get('x-api-key') ??
    request.headers.get('x-goog-api-key') ??
    url.searchParams.get('key')
  );
};

export const recordOf = (request: Request, url: URL): RequestRecord => {
  const key = keyOf(request, url) ?? '';
  return {
    method: request.method,
    path: url.pathname,
    key_present: key !== '',
    key_last4: key.length >= MIN_KEY_TO_SHOW ? key.slice(-4) : null,
    scenario: null,
  };
};

/** Keeps the newest 1,000 records. */
export const remember = (records: RequestRecord[], record: RequestRecord): void => {
  records.push(record);
  if (records.length > MAX_RECORDS) records.shift();
};
