/**
 * The Lambda Runtime API: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
 */
export type Invocation = {
  readonly id: string;
  /** Epoch milliseconds at which Lambda ends this process. */
  readonly deadline: number;
  readonly traceId: string | null;
  readonly event: unknown;
};

export type RuntimeApi = {
  /** Waits for the next event, for as long as that takes. */
  next(signal: AbortSignal): Promise<Invocation>;
  /** Throws RuntimeApiError when Lambda does not take the answer (too large, too late). */
  respond(id: string, answer: string): Promise<void>;
  /** Sends an answer while it comes into being. Function URLs only. */
  respondWithStream(id: string, answer: ReadableStream<Uint8Array>): Promise<void>;
  fail(id: string, error: unknown): Promise<void>;
  failInit(error: unknown): Promise<void>;
};

class RuntimeApiError extends Error {
  override readonly name = 'RuntimeApiError';
}

/** The Runtime API at the host that Lambda names in AWS_LAMBDA_RUNTIME_API. */
export function createRuntimeApi(host: string): RuntimeApi {
  const base = `http://${host}/2018-06-01/runtime`;

  const post = async (path: string, init: RequestInit): Promise<void> => {
    const answer = await fetch(`${base}/${path}`, { method: 'POST', ...init });
    const text = await answer.text();
    if (!answer.ok) throw new RuntimeApiError(`${path}: ${answer.status} ${text.slice(0, 200)}`);
  };
  const report = (path: string, error: unknown): Promise<void> =>
    post(path, {
      headers: { 'lambda-runtime-function-error-type': errorType(error) },
      body: JSON.stringify(describe(error)),
    });

  return {
    async next(signal) {
      // `timeout: false`: Bun would give up after five minutes, and an idle function waits for hours.
      const answer = await fetch(`${base}/invocation/next`, { signal, timeout: false });
      if (!answer.ok) throw new RuntimeApiError(`invocation/next: ${answer.status}`);
      const id = answer.headers.get('lambda-runtime-aws-request-id');
      if (id === null) throw new RuntimeApiError('invocation/next: no request id');
      return {
        id,
        deadline: Number(answer.headers.get('lambda-runtime-deadline-ms')),
        traceId: answer.headers.get('lambda-runtime-trace-id'),
        event: await answer.json(),
      };
    },
    respond: (id, body) => post(`invocation/${id}/response`, { body }),
    respondWithStream: (id, body) =>
      post(`invocation/${id}/response`, {
        body,
        headers: {
          'lambda-runtime-function-response-mode': 'streaming',
          'content-type': 'application/vnd.awslambda.http-integration-response',
        },
      }),
    fail: (id, error) => report(`invocation/${id}/error`, error),
    failInit: (error) => report('init/error', error),
  };
}

/** What Lambda groups errors by. */
const errorType = (error: unknown): string =>
  error instanceof Error ? `Outpost.${error.name}` : 'Outpost.Thrown';

/** An error as Lambda logs it and shows it to who invoked the function: AWS, never a client of the API. */
function describe(error: unknown): { errorType: string; errorMessage: string; stackTrace: string[] } {
  const known = error instanceof Error;
  return {
    errorType: errorType(error),
    errorMessage: known ? error.message : `thrown: ${typeof error}`,
    stackTrace: known ? (error.stack ?? '').split('\n').slice(1, 20) : [],
  };
}
