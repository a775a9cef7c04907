import { apiFunction } from '../../../api/functions/api.ts';
import type { Handler } from '../../../api/runtime/loop.ts';
import type { LambdaFunction } from '../../../api/runtime/run-function.ts';
import type { RecordedCall } from '../../../local/aws/calls.ts';
import type { LocalAws } from '../../harness/local-aws.ts';
import { outpostEnv, type TestApi } from '../../harness/outpost.ts';
import { eventOf } from '../../runtime/gateway-client.ts';

/** Records what runs meanwhile, for the role that it runs under on AWS. */
export type Recorder = {
  during<T>(role: string, work: () => Promise<T>): Promise<T>;
  callsOf(role: string): readonly RecordedCall[];
};

export function createRecorder(local: LocalAws): Recorder {
  const recorded = new Map<string, RecordedCall[]>();
  return {
    async during(role, work) {
      await local.calls.start();
      try {
        return await work();
      } finally {
        recorded.set(role, [...(recorded.get(role) ?? []), ...(await local.calls.stop())]);
      }
    },
    callsOf: (role) => recorded.get(role) ?? [],
  };
}

/** The environment of a function on AWS: its platform secrets lie in Secrets Manager. */
export function functionEnv(local: LocalAws, extra: Record<string, string> = {}): Record<string, string> {
  const { OUTPOST_PEPPER: _, ...env } = outpostEnv(local);
  return { ...env, ...extra };
}

/** Calls a function with one event, and waits for what goes on after its answer. */
async function invoke(handler: Handler, event: unknown): Promise<unknown> {
  const later: Promise<unknown>[] = [];
  const answer = await handler(event, {
    signal: new AbortController().signal,
    waitUntil: (work) => void later.push(work),
  });
  await Promise.all(later);
  return answer;
}

/** Starts a function and calls it with each of the events. */
export async function run(
  lambda: LambdaFunction,
  env: Record<string, string>,
  ...events: unknown[]
): Promise<unknown[]> {
  const handler = await lambda.start(env, () => undefined);
  const answers: unknown[] = [];
  for (const event of events) answers.push(await invoke(handler, event));
  return answers;
}

/** The API as a function behind the gateway, as far as tests call it. */
export async function apiThroughEvents(env: Record<string, string>): Promise<Pick<TestApi, 'request'>> {
  const handler = await apiFunction(false).start(env, () => undefined);
  return {
    async request(method, path, options = {}) {
      const body = typeof options.body === 'string' ? options.body : JSON.stringify(options.body);
      const request = new Request(`https://api.example.com${path}`, {
        method,
        headers: {
          ...(options.key === undefined ? {} : { authorization: `Bearer ${options.key}` }),
          ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
          ...options.headers,
        },
        ...(options.body === undefined ? {} : { body }),
      });
      const answer = (await invoke(handler, await eventOf(request))) as {
        statusCode: number;
        headers: Record<string, string>;
        body: string;
      };
      return new Response(answer.statusCode === 204 ? null : answer.body, {
        status: answer.statusCode,
        headers: answer.headers,
      });
    },
  };
}
