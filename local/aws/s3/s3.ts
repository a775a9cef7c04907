import type { Database } from 'bun:sqlite';
import { randomUUID } from 'node:crypto';
import { AwsError } from '../errors.ts';
import type { Now, RestService } from '../service.ts';
import { createBodies } from './bodies.ts';
import type { Store } from './call.ts';
import { parseRequest } from './request.ts';
import { createTables } from './schema.ts';
import { xmlError } from './xml.ts';

/**
 * S3 over REST and XML with path-style addresses. One request is one SQLite transaction, durable before
 * it is answered. The server has verified the signature and removed `aws-chunked` framing; a checksum
 * that came as a trailer may be passed on as the header of that name.
 * A request for something S3 offers and this does not is a 400 NotImplemented that names it.
 */
export function createS3(database: Database, now: Now): RestService {
  createTables(database);
  const bodies = createBodies(database);
  const store: Store = { database, bodies, now };
  bodies.collect();

  const serve = database.transaction((request: Request, url: URL, body: Uint8Array): Response => {
    const { operation, call } = parseRequest(request, url, body);
    return operation.run(store, call);
  });

  return {
    handle(request, url, body) {
      const requestId = randomUUID();
      const response = answer(() => serve(request, url, body), request, url, requestId);
      if (request.method !== 'GET' && request.method !== 'HEAD') bodies.collect();
      response.headers.set('x-amz-request-id', requestId);
      return response;
    },
  };
}

/** Any error but AwsError is a defect: the server reports it. */
function answer(serve: () => Response, request: Request, url: URL, requestId: string): Response {
  try {
    return serve();
  } catch (error) {
    if (error instanceof AwsError) return errorResponse(error, request.method, url.pathname, requestId);
    throw error;
  }
}

function errorResponse(error: AwsError, method: string, resource: string, requestId: string): Response {
  if (method === 'HEAD') return new Response(null, { status: error.status });
  const extra = Object.entries(error.extra).map(([name, value]) => [name, String(value)]);
  const document = xmlError({
    Code: error.awsCode,
    Message: error.message,
    ...Object.fromEntries(extra),
    Resource: resource,
    RequestId: requestId,
  });
  return new Response(document, { status: error.status, headers: { 'content-type': 'application/xml' } });
}
