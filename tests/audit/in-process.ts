import { type App, createApp } from '../../api/app.ts';
import { type ApiDeps, createApiDeps, readApiEnv } from '../../api/deps.ts';
import type { Origin } from '../../api/http/origin.ts';
import { getTenant } from '../../shared/store/tenants/get-tenant.ts';
import { checkAnswer } from '../harness/contract.ts';
import type { LocalAws } from '../harness/local-aws.ts';
import { awsOf, outpostEnv } from '../harness/outpost.ts';

/** The API as a function in this process: for what an entry decides, and to count what one request does. */
export type InProcess = {
  readonly deps: ApiDeps;
  /** What it has logged so far. */
  readonly lines: string[];
  request(
    method: string,
    path: string,
    options?: { key?: string; body?: unknown; headers?: Record<string, string>; origin?: Partial<Origin> },
  ): Promise<Response>;
};

/** Builds the app against a local AWS, with clients whose credentials are settled. */
export async function createInProcess(
  local: LocalAws,
  change: (deps: ApiDeps) => ApiDeps = (deps) => deps,
): Promise<InProcess> {
  awsOf(local);
  const lines: string[] = [];
  const env = readApiEnv(outpostEnv(local));
  const deps = change(await createApiDeps(env, { write: (line) => void lines.push(line), streaming: false }));
  // Clients take the credentials of the environment at their first call, and another file may change it.
  await getTenant(deps.store, 'nobody');
  const app = createApp(deps);
  return { deps, lines, request: (method, path, options) => send(app, method, path, options) };
}

async function send(
  app: App,
  method: string,
  path: string,
  options: Parameters<InProcess['request']>[2] = {},
): Promise<Response> {
  const request = new Request(`http://api.test${path}`, {
    method,
    headers: {
      ...(options.key === undefined ? {} : { authorization: `Bearer ${options.key}` }),
      ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...options.headers,
    },
    ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
  });
  const answer = await app(request, { sourceIp: '203.0.113.9', ...options.origin });
  await checkAnswer(method, path, answer);
  return answer;
}
