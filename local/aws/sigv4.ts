import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { AwsError } from './errors.ts';

/** The one key pair that local AWS accepts. */
export type Credentials = { readonly accessKeyId: string; readonly secretAccessKey: string };

export type ServiceName = 'dynamodb' | 'sqs' | 'secretsmanager' | 'ecs' | 's3';

/** What a verified request leaves for its streamed chunks, whose signatures chain from the request's own. */
export type Verified = {
  readonly signingKey: Buffer;
  readonly timestamp: string;
  readonly scope: string;
  readonly signature: string;
  /** `x-amz-content-sha256`, or the hash of the body where the service does not use that header. */
  readonly payloadHash: string;
};

export const EMPTY_SHA256 = sha256Hex('');
export const UNSIGNED_PAYLOAD = 'UNSIGNED-PAYLOAD';
const ALGORITHM = 'AWS4-HMAC-SHA256';
const MAX_SKEW_MS = 15 * 60_000;
const MAX_PRESIGN_SECONDS = 7 * 24 * 3600;

type Claim = {
  readonly accessKeyId: string;
  /** date/region/service/aws4_request */
  readonly scope: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  readonly timestamp: string;
  /** Seconds a presigned URL holds; absent for a signature in the header. */
  readonly expires?: number;
};

export function sha256Hex(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

export function hmac(key: string | Uint8Array, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest();
}

/** Compares two signatures without telling by its duration how many characters agree. */
export function sameSignature(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)];
  return a.length === b.length && timingSafeEqual(a, b);
}

/**
 * Checks the Signature Version 4 of a request, in its Authorization header or in a presigned URL.
 * Throws AwsError with the code the service itself would answer.
 * Source: AWS "Signature Version 4 signing process"; S3 "Authenticating Requests".
 */
export function verifySignature(
  request: Request,
  url: URL,
  body: Uint8Array,
  service: ServiceName,
  credentials: Credentials,
  now: number,
): Verified {
  const refuse = service === 's3' ? S3_REFUSALS : JSON_REFUSALS;
  const claim = readClaim(request.headers, url, refuse);
  const [date = '', region = '', scopeService = '', terminator] = claim.scope.split('/');
  if (scopeService !== service || terminator !== 'aws4_request' || !claim.timestamp.startsWith(date)) {
    throw refuse.malformed(`Credential should be scoped to the service '${service}' and the request's date.`);
  }
  if (claim.accessKeyId !== credentials.accessKeyId) throw refuse.unknownKey();
  checkTime(claim, now, refuse);

  const payloadHash = payloadHashOf(request.headers, url, body, service, claim);
  const canonical = [
    request.method,
    canonicalPath(url.pathname, service),
    canonicalQuery(url.search),
    ...claim.signedHeaders.map((name) => `${name}:${headerValue(request.headers, name)}`),
    '',
    claim.signedHeaders.join(';'),
    payloadHash,
  ].join('\n');
  const dateKey = hmac(`AWS4${credentials.secretAccessKey}`, date);
  const signingKey = hmac(hmac(hmac(dateKey, region), service), 'aws4_request');
  const stringToSign = [ALGORITHM, claim.timestamp, claim.scope, sha256Hex(canonical)].join('\n');
  const expected = hmac(signingKey, stringToSign).toString('hex');
  if (!sameSignature(expected, claim.signature)) throw refuse.mismatch();
  return {
    signingKey,
    timestamp: claim.timestamp,
    scope: claim.scope,
    signature: claim.signature,
    payloadHash,
  };
}

function readClaim(headers: Headers, url: URL, refuse: Refusals): Claim {
  const authorization = headers.get('authorization');
  if (authorization !== null) return claimFromHeader(authorization, headers, refuse);
  if (url.searchParams.has('X-Amz-Signature')) return claimFromQuery(url.searchParams, refuse);
  throw refuse.missing();
}

function claimFromHeader(authorization: string, headers: Headers, refuse: Refusals): Claim {
  const match =
    /^AWS4-HMAC-SHA256 +Credential=([^/,]+)\/([^,]+), *SignedHeaders=([^,]+), *Signature=(\w+)$/.exec(
      authorization.trim(),
    );
  const [, accessKeyId, scope, signedHeaders, signature] = match ?? [];
  if (!accessKeyId || !scope || !signedHeaders || !signature) {
    throw refuse.malformed('The Authorization header is not a complete Signature Version 4.');
  }
  const timestamp = headers.get('x-amz-date') ?? '';
  return { accessKeyId, scope, signedHeaders: withHost(signedHeaders, refuse), signature, timestamp };
}

function claimFromQuery(query: URLSearchParams, refuse: Refusals): Claim {
  const credential = query.get('X-Amz-Credential') ?? '';
  const slash = credential.indexOf('/');
  const expires = Number(query.get('X-Amz-Expires'));
  const complete = query.get('X-Amz-Algorithm') === ALGORITHM && slash > 0;
  if (!complete || !Number.isInteger(expires) || expires < 1 || expires > MAX_PRESIGN_SECONDS) {
    throw refuse.malformed('The presigned URL is not complete, or X-Amz-Expires is not 1 to 604800 seconds.');
  }
  return {
    accessKeyId: credential.slice(0, slash),
    scope: credential.slice(slash + 1),
    signedHeaders: withHost(query.get('X-Amz-SignedHeaders') ?? '', refuse),
    signature: query.get('X-Amz-Signature') ?? '',
    timestamp: query.get('X-Amz-Date') ?? '',
    expires,
  };
}

/** The signed header names. `host` must be among them: without it a signature could be replayed elsewhere. */
function withHost(list: string, refuse: Refusals): readonly string[] {
  const names = list.split(';');
  if (!names.includes('host')) throw refuse.malformed('SignedHeaders does not include host.');
  return names;
}

function checkTime(claim: Claim, now: number, refuse: Refusals): void {
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(claim.timestamp);
  if (parts === null) throw refuse.malformed('The request carries no valid X-Amz-Date.');
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts.slice(1).map(Number);
  const signedAt = Date.UTC(year, month - 1, day, hour, minute, second);
  if (signedAt - now > MAX_SKEW_MS) throw refuse.skewed(claim.timestamp, now);
  if (claim.expires === undefined) {
    if (now - signedAt > MAX_SKEW_MS) throw refuse.skewed(claim.timestamp, now);
  } else if (now > signedAt + claim.expires * 1000) {
    throw refuse.expired();
  }
}

function payloadHashOf(
  headers: Headers,
  url: URL,
  body: Uint8Array,
  service: ServiceName,
  claim: Claim,
): string {
  if (service !== 's3') return sha256Hex(body);
  const declared = headers.get('x-amz-content-sha256') ?? url.searchParams.get('X-Amz-Content-Sha256');
  if (declared === null) {
    if (claim.expires !== undefined) return UNSIGNED_PAYLOAD;
    throw new AwsError('InvalidRequest', 'Missing required header for this request: x-amz-content-sha256');
  }
  if (/^[0-9a-f]{64}$/.test(declared) && declared !== sha256Hex(body)) {
    throw new AwsError(
      'XAmzContentSHA256Mismatch',
      "The provided 'x-amz-content-sha256' header does not match what was computed.",
    );
  }
  return declared;
}

/** S3 signs the path with each segment encoded once; every other service signs it encoded twice. */
function canonicalPath(pathname: string, service: ServiceName): string {
  if (service !== 's3') return pathname.split('/').map(encode).join('/');
  return pathname
    .split('/')
    .map((segment) => encode(decode(segment)))
    .join('/');
}

function canonicalQuery(search: string): string {
  if (search.length <= 1) return '';
  return search
    .slice(1)
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const equals = pair.indexOf('=');
      const [name, value] = equals < 0 ? [pair, ''] : [pair.slice(0, equals), pair.slice(equals + 1)];
      return [encode(decode(name)), encode(decode(value))] as const;
    })
    .filter(([name]) => name !== 'X-Amz-Signature')
    .toSorted(([a, x], [b, y]) => compare(a, b) || compare(x, y))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

const compare = (a: string, b: string): number => Number(a > b) - Number(a < b);

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    if (cause instanceof URIError) throw new AwsError('InvalidURI', "Couldn't parse the specified URI.");
    throw cause;
  }
}

/** RFC 3986: everything but unreserved characters, in upper-case hex. */
function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function headerValue(headers: Headers, name: string): string {
  return (headers.get(name) ?? '').trim().replaceAll(/ +/g, ' ');
}

type Refusals = {
  missing(): AwsError;
  malformed(detail: string): AwsError;
  unknownKey(): AwsError;
  mismatch(): AwsError;
  skewed(timestamp: string, now: number): AwsError;
  expired(): AwsError;
};

const MISMATCH =
  'The request signature we calculated does not match the signature you provided. ' +
  'Check your AWS Secret Access Key and signing method. Consult the service documentation for details.';

const JSON_REFUSALS: Refusals = {
  missing: () => new AwsError('MissingAuthenticationTokenException', 'Missing Authentication Token'),
  malformed: (detail) => new AwsError('IncompleteSignatureException', detail),
  unknownKey: () =>
    new AwsError('UnrecognizedClientException', 'The security token included in the request is invalid.'),
  mismatch: () => new AwsError('InvalidSignatureException', MISMATCH),
  skewed: (timestamp, now) =>
    new AwsError(
      'InvalidSignatureException',
      `Signature not within 15 minutes of the server's time: ${timestamp}, now ${new Date(now).toISOString()}`,
    ),
  expired: () =>
    new AwsError('InvalidSignatureException', 'Signature expired: the presigned URL has lapsed.'),
};

const S3_REFUSALS: Refusals = {
  missing: () => new AwsError('AccessDenied', 'Access Denied', 403),
  malformed: (detail) => new AwsError('AuthorizationHeaderMalformed', detail, 400),
  unknownKey: () =>
    new AwsError(
      'InvalidAccessKeyId',
      'The AWS Access Key Id you provided does not exist in our records.',
      403,
    ),
  mismatch: () => new AwsError('SignatureDoesNotMatch', MISMATCH, 403),
  skewed: () =>
    new AwsError(
      'RequestTimeTooSkewed',
      "The difference between the request time and the server's time is too large.",
      403,
    ),
  expired: () => new AwsError('AccessDenied', 'Request has expired', 403),
};
