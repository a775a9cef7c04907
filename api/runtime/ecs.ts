import { createHash, createHmac } from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';
import { type } from 'arktype';
import type { WorkerService } from '../functions/wake-workers.ts';

const Description = type({ services: type({ desiredCount: 'number' }).array() });

/** Whoever waits for ECS has more to do, and tries again. */
const TIMEOUT_MS = 10_000;

type Environment = Readonly<Record<string, string | undefined>>;

/** One operation of ECS. Throws with the status and the beginning of what ECS said. */
export type EcsCall = (operation: string, input: unknown) => Promise<unknown>;

/** Where an environment's workers are, as stacks/names.ts names them. */
export const clusterOf = (environment: string): string => `outpost-${environment}`;
export const workerServiceOf = (environment: string): string => `outpost-worker-${environment}`;

/**
 * ECS with the credentials of the function, its calls signed here: the SDK's client would add to every cold start
 * of the API what it needs once an hour.
 */
export function createEcs(env: Environment): EcsCall {
  const region = env['AWS_REGION'] ?? '';
  const { host, hostname, port, protocol, origin } = new URL(
    env['AWS_ENDPOINT_URL'] || `https://ecs.${region}.amazonaws.com`,
  );
  const signer = new SignatureV4({
    service: 'ecs',
    region,
    sha256: Sha256,
    credentials: async () => ({
      accessKeyId: env['AWS_ACCESS_KEY_ID'] ?? '',
      secretAccessKey: env['AWS_SECRET_ACCESS_KEY'] ?? '',
      ...(env['AWS_SESSION_TOKEN'] === undefined ? {} : { sessionToken: env['AWS_SESSION_TOKEN'] }),
    }),
  });

  return async (operation, input) => {
    const body = JSON.stringify(input);
    const request = await signer.sign({
      method: 'POST',
      protocol,
      hostname,
      ...(port === '' ? {} : { port: Number(port) }),
      path: '/',
      query: {},
      headers: {
        host,
        'content-type': 'application/x-amz-json-1.1',
        'x-amz-target': `AmazonEC2ContainerServiceV20141113.${operation}`,
      },
      body,
    });
    const answer = await fetch(`${origin}/`, {
      method: 'POST',
      headers: request.headers,
      body,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`ecs ${operation}: ${answer.status} ${text.slice(0, 200)}`);
    const value: unknown = JSON.parse(text);
    return value;
  };
}

/** The worker service of an environment, for raising it from zero. */
export function createWorkerService(env: Environment, environment: string): WorkerService {
  const call = createEcs(env);
  const target = { cluster: clusterOf(environment), service: workerServiceOf(environment) };
  return {
    async desired() {
      const answer = await call('DescribeServices', { cluster: target.cluster, services: [target.service] });
      return Description.assert(answer).services[0]?.desiredCount;
    },
    async raise(count) {
      await call('UpdateService', { ...target, desiredCount: count });
    },
  };
}

/** node:crypto in the shape that the signer takes. */
class Sha256 {
  readonly #hash;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(secret));
  }

  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(bytesOf(data));
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }

  reset(): void {
    throw new Error('a hash is used once');
  }
}

function bytesOf(data: string | ArrayBuffer | ArrayBufferView): Uint8Array {
  if (typeof data === 'string') return new TextEncoder().encode(data);
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}
