import { composeAws } from '../../local/aws/compose.ts';
import { openDatabase } from '../../local/aws/database.ts';
import { AwsError } from '../../local/aws/errors.ts';
import { jsonExchange } from '../../local/aws/json.ts';
import { provisionOutpost } from '../../local/aws/provision.ts';
import type { LocalAws } from './local-aws.ts';

type HttpRequest = { method: string; headers: Record<string, string>; body?: unknown };
type HttpResponse = { statusCode: number; headers: Record<string, string>; body: Uint8Array };

/** A client of the AWS SDK, as far as its requests can be led elsewhere. */
type Client = {
  readonly middlewareStack: {
    add(
      middleware: () => (args: { request: unknown }) => Promise<{ response: HttpResponse }>,
      options: { step: 'deserialize'; priority: 'low'; name: string },
    ): void;
  };
};

export type AwsInProcess = Pick<LocalAws, 'endpoint' | 'credentials'> & {
  /** Has a client's requests answered here: the same services, without a socket and a second process. */
  lead(client: Client): void;
  stop(): void;
};

/** Nothing listens there. */
const ENDPOINT = 'http://127.0.0.1:9';

/** Nobody but this process can ask, so signatures are made and not looked at. */
const UNVERIFIED = { signingKey: Buffer.alloc(0), timestamp: '', scope: '', signature: '', payloadHash: '' };

/**
 * The services of the local AWS that speak JSON (DynamoDB, SQS, Secrets Manager) in this process and in memory,
 * with Outpost's tables and queues: for simulations of hundreds of thousands of calls.
 */
export async function startAwsInProcess(): Promise<AwsInProcess> {
  const database = openDatabase(undefined);
  const aws = composeAws(database, Date.now, { endpoint: () => ENDPOINT });
  await provisionOutpost(aws);

  const answer = async ({ method, headers, body }: HttpRequest): Promise<HttpResponse> => {
    const text = typeof body === 'string' ? body : new TextDecoder().decode(body as Uint8Array);
    const request = new Request(ENDPOINT, { method, headers, body: text });
    const exchange = jsonExchange(
      aws.services,
      headers['x-amz-target'] ?? '',
      request,
      new TextEncoder().encode(text),
    );
    if (exchange === undefined) throw new Error(`no such service: ${headers['x-amz-target']}`);
    const response = await exchange.run(UNVERIFIED).catch((cause: unknown) => {
      if (cause instanceof AwsError) return exchange.refuse(cause);
      throw cause;
    });
    return {
      statusCode: response.status,
      headers: Object.fromEntries(response.headers),
      body: await response.bytes(),
    };
  };

  return {
    endpoint: ENDPOINT,
    credentials: { accessKeyId: 'AKIAINPROCESS', secretAccessKey: 'in-process' },
    lead: (client) =>
      client.middlewareStack.add(
        () =>
          async ({ request }) => ({ response: await answer(request as HttpRequest) }),
        {
          step: 'deserialize',
          priority: 'low',
          name: 'answerInProcess',
        },
      ),
    stop: () => {
      for (const service of aws.services) service.stop?.();
      aws.stop();
      database.close();
    },
  };
}
