import { s3Operation, s3Resource } from './calls.ts';
import { usesOf } from './call-uses.ts';
import { readPayload } from './chunked.ts';
import type { AwsError } from './errors.ts';
import type { Exchange } from './exchange.ts';
import type { RestService } from './service.ts';

/** Reads a request of S3: any request without an `x-amz-target`. */
export function restExchange(service: RestService, request: Request, url: URL, raw: Uint8Array): Exchange {
  const operation = s3Operation(request, url);
  const resources = [s3Resource(url)];
  return {
    service: 's3',
    operation,
    resources,
    uses: usesOf(operation, {}, resources),
    input: {},
    async run(verified) {
      const { body, trailers } = readPayload(request.headers, raw, verified);
      const response = await service.handle(withTrailers(request, trailers), url, body);
      response.headers.set('x-amz-request-id', crypto.randomUUID());
      return response;
    },
    answer: () => new Response(null, { status: 200 }),
    refuse: (error) => refusal(error, request.method, url),
  };
}

/** S3 treats a trailing header as if it had come first; a service reads both from the request's headers. */
function withTrailers(request: Request, trailers: ReadonlyMap<string, string>): Request {
  if (trailers.size === 0) return request;
  const headers = new Headers(request.headers);
  for (const [name, value] of trailers) headers.set(name, value);
  return new Request(request.url, { method: request.method, headers, signal: request.signal });
}

function refusal(error: AwsError, method: string, url: URL): Response {
  const requestId = crypto.randomUUID();
  const headers = { 'content-type': 'application/xml', 'x-amz-request-id': requestId };
  if (method === 'HEAD') return new Response(null, { status: error.status, headers });
  const members = {
    Code: error.awsCode,
    Message: error.message,
    Resource: url.pathname,
    RequestId: requestId,
  };
  const xml = [...Object.entries(members), ...Object.entries(error.extra)]
    .map(([name, value]) => `<${name}>${Bun.escapeHTML(String(value))}</${name}>`)
    .join('');
  return new Response(`<?xml version="1.0" encoding="UTF-8"?>\n<Error>${xml}</Error>`, {
    status: error.status,
    headers,
  });
}
