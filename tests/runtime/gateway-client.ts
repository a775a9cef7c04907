import type { Outcome, RuntimeEmulator } from './runtime-api.ts';

/** What API Gateway and function URLs make of HTTP: format 2.0 both ways. */

let count = 0;

/** The event of a request, as the gateway would write it. */
export async function eventOf(request: Request, sourceIp = '192.0.2.7'): Promise<object> {
  const url = new URL(request.url);
  const headers: Record<string, string> = {};
  for (const [name, value] of request.headers) if (name !== 'cookie') headers[name] = value;
  const cookie = request.headers.get('cookie');
  const body = Buffer.from(await request.arrayBuffer());
  const text = body.toString('utf8');
  const isText = Buffer.from(text, 'utf8').equals(body);
  count += 1;
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath: url.pathname,
    rawQueryString: url.search.slice(1),
    ...(cookie === null ? {} : { cookies: cookie.split('; ') }),
    headers,
    requestContext: {
      accountId: '123456789012',
      apiId: 'api',
      domainName: 'api.example.com',
      http: { method: request.method, path: url.pathname, protocol: 'HTTP/1.1', sourceIp, userAgent: 'test' },
      requestId: `gateway-${process.pid}-${count}`,
      stage: '$default',
      timeEpoch: Date.now(),
    },
    ...(body.byteLength === 0 ? {} : { body: isText ? text : body.toString('base64') }),
    isBase64Encoded: body.byteLength > 0 && !isText,
  };
}

type Head = { statusCode: number; headers?: Record<string, string>; cookies?: string[] };

const headersOf = ({ headers = {}, cookies = [] }: Head): Headers => {
  const made = new Headers(headers);
  for (const cookie of cookies) made.append('set-cookie', cookie);
  return made;
};

const BODYLESS = new Set([101, 204, 205, 304]);

/** A whole answer as HTTP. A function's error is the gateway's 500. */
async function wholeAnswer(outcome: Outcome): Promise<Response> {
  if (outcome.kind === 'error') return Response.json({ message: 'Internal Server Error' }, { status: 500 });
  const answer: Head & { body?: string; isBase64Encoded?: boolean } = await new Response(outcome.body).json();
  const body =
    answer.isBase64Encoded === true ? Buffer.from(answer.body ?? '', 'base64') : (answer.body ?? '');
  return new Response(BODYLESS.has(answer.statusCode) ? null : body, {
    status: answer.statusCode,
    headers: headersOf(answer),
  });
}

/** A streamed answer as HTTP: the head ends with eight zero bytes. */
export async function streamedAnswer(outcome: Outcome): Promise<Response> {
  if (outcome.kind === 'error') return Response.json({ message: 'Internal Server Error' }, { status: 502 });
  const reader = outcome.body.getReader();
  let seen = new Uint8Array();
  let end = -1;
  while (end === -1) {
    const { value, done } = await reader.read();
    if (done) throw new Error('the stream ended within its head');
    seen = Uint8Array.from([...seen, ...value]);
    end = Buffer.from(seen).indexOf(Buffer.alloc(8));
  }
  const head: Head = JSON.parse(Buffer.from(seen.subarray(0, end)).toString('utf8'));
  const rest = seen.subarray(end + 8);
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      if (rest.byteLength > 0) controller.enqueue(rest);
    },
    async pull(controller) {
      const { value, done } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  });
  return new Response(BODYLESS.has(head.statusCode) ? null : body, {
    status: head.statusCode,
    headers: headersOf(head),
  });
}

/** Sends a request through the gateway's format to a function. */
export const viaGateway = async (emulator: RuntimeEmulator, request: Request): Promise<Response> =>
  wholeAnswer(await emulator.invoke(await eventOf(request)));
