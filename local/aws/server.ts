import { ADMIN_PREFIX, handleAdmin, type Admin } from './admin.ts';
import { AwsError } from './errors.ts';
import type { Exchange } from './exchange.ts';
import { runWithFault } from './fault-effects.ts';
import type { GroupCommit } from './group-commit.ts';
import { jsonExchange, unknownOperation } from './json.ts';
import { restExchange } from './rest.ts';
import type { JsonService, Now, RestService } from './service.ts';
import { verifySignature, type Credentials } from './sigv4.ts';

export type ServerOptions = {
  /** 0 picks a free one. */
  readonly port: number;
  readonly credentials: Credentials;
  readonly services: readonly JsonService[];
  readonly rest?: RestService;
  readonly now: Now;
  /** Without it each write commits by itself. */
  readonly commits?: GroupCommit;
  /** Turns the admin routes on. */
  readonly admin?: Admin;
};

export type Server = {
  readonly port: number;
  readonly endpoint: string;
  /** Stops listening, ends long polls, waits for what is in flight (at most 2 s). */
  stop(): Promise<void>;
};

const MAX_BODY_BYTES = 512 * 1024 * 1024;
/** Above the 20 s of a long poll. */
const IDLE_SECONDS = 120;
const STOP_GRACE_MS = 2000;

/**
 * Serves the given AWS services on 127.0.0.1. Every request but the health check and the admin routes must
 * carry a valid signature. Throws what Bun.serve throws where the port is taken (code EADDRINUSE).
 */
export function startServer(options: ServerOptions): Server {
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: options.port,
    maxRequestBodySize: MAX_BODY_BYTES,
    idleTimeout: IDLE_SECONDS,
    fetch: (request) => route(options, request),
  });
  const { port } = server;
  if (port === undefined) throw new Error('the server listens on no TCP port');
  return {
    port,
    endpoint: `http://127.0.0.1:${port}`,
    async stop() {
      const drained = server.stop();
      for (const service of options.services) service.stop?.();
      await Promise.race([drained, Bun.sleep(STOP_GRACE_MS)]);
      await server.stop(true);
    },
  };
}

async function route(options: ServerOptions, request: Request): Promise<Response> {
  const url = new URL(request.url);
  if (isHealthCheck(request, url)) return Response.json({ status: 'ok' });
  if (options.admin !== undefined && url.pathname.startsWith(ADMIN_PREFIX)) {
    return handleAdmin(options.admin, request, url);
  }
  const body = new Uint8Array(await request.arrayBuffer());
  const exchange = read(options, request, url, body);
  if (exchange instanceof Response) return exchange;
  const response = await answer(options, request, url, body, exchange);
  // Where time may jump, Bun's own header would not know.
  if (options.admin !== undefined) response?.headers.set('date', new Date(options.now()).toUTCString());
  options.admin?.calls.record({
    at: new Date(options.now()).toISOString(),
    service: exchange.service,
    operation: exchange.operation,
    resources: exchange.resources,
    uses: exchange.uses,
    request_bytes: body.byteLength,
    response_bytes: Number(response?.headers.get('content-length') ?? 0),
    ...(response === undefined ? {} : { status: response.status }),
  });
  return response ?? droppedConnection();
}

/** A signed GET /health would be S3 asking for a bucket of that name. */
function isHealthCheck(request: Request, url: URL): boolean {
  return request.method === 'GET' && url.pathname === '/health' && !request.headers.has('authorization');
}

function read(options: ServerOptions, request: Request, url: URL, body: Uint8Array): Exchange | Response {
  const target = request.headers.get('x-amz-target');
  if (target !== null) {
    return jsonExchange(options.services, target, request, body) ?? plainRefusal(unknownOperation(target));
  }
  if (options.rest !== undefined) return restExchange(options.rest, request, url, body);
  return plainRefusal(new AwsError('UnknownOperationException', 'The request has no x-amz-target.'));
}

async function answer(
  options: ServerOptions,
  request: Request,
  url: URL,
  body: Uint8Array,
  exchange: Exchange,
): Promise<Response | undefined> {
  try {
    const response = await run(options, request, url, body, exchange);
    await options.commits?.durable();
    return response;
  } catch (cause) {
    console.error(`local AWS: ${exchange.service} ${exchange.operation} failed`, cause);
    return exchange.refuse(new AwsError('InternalFailure', 'Local AWS failed: its log has the stack.', 500));
  }
}

/** Calls that write nothing need no transaction; of any other the group decides. */
const READING = /^(Get|BatchGet|TransactGet|Query|Scan|Describe|List|Head)/;

/** Does the work of a call, or refuses it. */
async function run(
  options: ServerOptions,
  request: Request,
  url: URL,
  body: Uint8Array,
  exchange: Exchange,
): Promise<Response | undefined> {
  try {
    const now = options.now();
    const verified = verifySignature(request, url, body, exchange.service, options.credentials, now);
    const subject = { service: exchange.service, operation: exchange.operation, path: url.pathname, body };
    const fault = options.admin?.faults.pick(subject);
    if (!READING.test(exchange.operation)) options.commits?.join();
    return await (fault === undefined ? exchange.run(verified) : runWithFault(exchange, verified, fault));
  } catch (cause) {
    if (cause instanceof AwsError) return exchange.refuse(cause);
    throw cause;
  }
}

function plainRefusal(error: AwsError): Response {
  const headers = { 'content-type': 'application/x-amz-json-1.0' };
  return Response.json({ __type: error.awsCode, message: error.message }, { status: error.status, headers });
}

/** A body that fails before its first byte makes Bun reset the connection without an answer. */
function droppedConnection(): Response {
  return new Response(
    new ReadableStream({
      start: (controller) => controller.error(),
    }),
  );
}
