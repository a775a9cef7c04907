import { type } from 'arktype';

/**
 * A call in the format 2.0 of API Gateway's HTTP APIs and of function URLs:
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
 */
export const GatewayEvent = type({
  version: "'2.0'",
  rawPath: 'string',
  rawQueryString: 'string',
  'cookies?': 'string[]',
  headers: 'Record<string, string>',
  'body?': 'string | null',
  isBase64Encoded: 'boolean',
  requestContext: {
    domainName: 'string',
    requestId: 'string',
    http: { method: 'string', sourceIp: 'string' },
    'authorizer?': 'object | null',
  },
});
export type GatewayEvent = typeof GatewayEvent.infer;

const BODYLESS = new Set(['GET', 'HEAD']);

/** The request that a gateway's event describes. `signal` ends it when Lambda's time is up. */
export function toRequest(event: GatewayEvent, signal: AbortSignal): Request {
  const { method } = event.requestContext.http;
  const url = new URL(`https://${event.requestContext.domainName}`);
  // The gateway may have decoded the path; the setter escapes what would end it and leaves escapes alone.
  url.pathname = event.rawPath;
  url.search = event.rawQueryString;
  return new Request(url, {
    method,
    signal,
    headers: headersOf(event),
    ...(BODYLESS.has(method) ? {} : { body: bodyOf(event) }),
  });
}

function headersOf(event: GatewayEvent): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(event.headers)) {
    // A header that HTTP does not allow is what the client invented: the request is judged without it.
    if (isHeaderName(name)) headers.set(name, asBytes(value));
  }
  if (event.cookies !== undefined && event.cookies.length > 0)
    headers.set('cookie', event.cookies.join('; '));
  return headers;
}

const isHeaderName = (name: string): boolean => /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name);

/** The gateway hands headers over as text; HTTP and `Headers` know bytes, each a character. */
const asBytes = (value: string): string =>
  Array.from(new TextEncoder().encode(value), (byte) => String.fromCodePoint(byte))
    .join('')
    .replaceAll(/[\0\r\n]/g, ' ');

function bodyOf({ body, isBase64Encoded }: GatewayEvent): Uint8Array<ArrayBuffer> | string {
  if (body === undefined || body === null) return '';
  return isBase64Encoded ? Uint8Array.from(Buffer.from(body, 'base64')) : body;
}
