import { StreamedAnswer } from './loop.ts';

/** An answer as the gateway takes it, format 2.0. */
export type GatewayAnswer = {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly cookies: readonly string[];
  readonly body: string;
  readonly isBase64Encoded: boolean;
};

const TEXT =
  /^(text\/|application\/(json|javascript|xml|x-ndjson|x-www-form-urlencoded)|[\w.-]+\/[\w.-]+\+(json|xml))/i;

/** A whole answer. Text goes as it is; anything else, and all that is compressed, in base64. */
export async function toAnswer(response: Response): Promise<GatewayAnswer> {
  const bytes = Buffer.from(await response.arrayBuffer());
  const isText =
    !response.headers.has('content-encoding') &&
    TEXT.test(response.headers.get('content-type') ?? 'text/plain');
  return {
    ...headOf(response),
    body: bytes.toString(isText ? 'utf8' : 'base64'),
    isBase64Encoded: !isText,
  };
}

/** Eight zero bytes part the head from the body. */
const DELIMITER = new Uint8Array(8);

/**
 * An answer for a URL that streams: status and headers as JSON, the delimiter, and the body as it comes.
 * https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming
 */
export function toStream(response: Response): StreamedAnswer {
  const head = new TextEncoder().encode(JSON.stringify(headOf(response)));
  const { body } = response;
  const joined = new TransformStream<Uint8Array, Uint8Array>({
    start(controller) {
      controller.enqueue(head);
      controller.enqueue(DELIMITER);
    },
  });
  return new StreamedAnswer((body ?? emptyBody()).pipeThrough(joined));
}

const emptyBody = (): ReadableStream<Uint8Array> =>
  new ReadableStream({ start: (controller) => controller.close() });

function headOf(response: Response): Omit<GatewayAnswer, 'body' | 'isBase64Encoded'> {
  const headers: Record<string, string> = {};
  for (const [name, value] of response.headers) if (name !== 'set-cookie') headers[name] = value;
  return { statusCode: response.status, headers, cookies: response.headers.getSetCookie() };
}
