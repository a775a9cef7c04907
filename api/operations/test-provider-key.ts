import type { Provider } from '../../shared/agents.ts';
import { OutpostError } from '../../shared/errors.ts';

/** The cheapest call of each provider that a key must be valid for: it lists models and costs nothing. */
const TESTS: Readonly<
  Record<Provider, { origin: string; path: string; headers: (key: string) => Record<string, string> }>
> = {
  anthropic: {
    origin: 'https://api.anthropic.com',
    path: '/v1/models',
    headers: (key) => ({ 'x-api-key': key, 'anthropic-version': '2023-06-01' }),
  },
  openai: {
    origin: 'https://api.openai.com',
    path: '/v1/models',
    headers: (key) => ({ authorization: `Bearer ${key}` }),
  },
  google: {
    origin: 'https://generativelanguage.googleapis.com',
    path: '/v1beta/models',
    headers: (key) => ({ 'x-goog-api-key': key }),
  },
  xai: {
    origin: 'https://api.x.ai',
    path: '/v1/models',
    headers: (key) => ({ authorization: `Bearer ${key}` }),
  },
};

const TIMEOUT_MS = 10_000;

/**
 * Whether a provider accepts a key. `origin` replaces the provider's, for tests. Throws unavailable when the
 * provider gives no verdict: then a rotation is tried again, and nothing is concluded about the key.
 */
export async function testProviderKey(
  provider: Provider,
  key: string,
  origin: string | undefined,
): Promise<boolean> {
  const { origin: own, path, headers } = TESTS[provider];
  const answer = await fetch(`${origin ?? own}${path}`, {
    headers: headers(key),
    redirect: 'error',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  await answer.body?.cancel();
  if (answer.ok) return true;
  if (answer.status === 401 || answer.status === 403 || answer.status === 400) return false;
  throw new OutpostError('unavailable', `${provider} answered ${answer.status} to the test of a key.`);
}
