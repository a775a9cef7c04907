import type { Provider } from '../agents.ts';
import type { Clock } from '../clock.ts';
import { readSecret } from './read-secret.ts';
import { providerKeySecret, type Secrets } from './secrets.ts';

/**
 * Row S2: how long an answer is kept, and how long the answer that there is no key. The latter fails a job for
 * good, so whoever stores the missing key and submits the job again must not meet it.
 */
const KEPT_MS = 5 * 60_000;
const ABSENCE_KEPT_MS = 1_000;

export type ProviderKeys = {
  /** The tenant's own key for a provider; undefined when it has stored none. Aborting ends this caller's wait alone. */
  get(tenantId: string, provider: Provider, signal?: AbortSignal): Promise<string | undefined>;
  /** Forgets what is cached, after a replacement in this process. */
  forget(tenantId: string, provider: Provider): void;
};

/**
 * Reads tenants' provider keys: cached, at most one read under way for each, failures never cached. What has
 * run out is dropped at the next read, so that no key stays in memory without need.
 */
export function createProviderKeys(secrets: Secrets, clock: Clock): ProviderKeys {
  const cache = new Map<string, { value: string | undefined; until: number }>();
  const underWay = new Map<string, Promise<string | undefined>>();

  const keep = (name: string, value: string | undefined): void => {
    const now = clock.monotonic();
    for (const [each, { until }] of cache) if (until <= now) cache.delete(each);
    cache.set(name, { value, until: now + (value === undefined ? ABSENCE_KEPT_MS : KEPT_MS) });
  };

  const start = (name: string): Promise<string | undefined> => {
    // A read that was forgotten meanwhile may have seen the value before the replacement.
    const isCurrent = (): boolean => underWay.get(name) === reading;
    const reading = readSecret(secrets, name)
      .then((value) => {
        if (isCurrent()) keep(name, value);
        return value;
      })
      .finally(() => {
        if (isCurrent()) underWay.delete(name);
      });
    underWay.set(name, reading);
    return reading;
  };

  return {
    async get(tenantId, provider, signal) {
      const name = providerKeySecret(tenantId, provider);
      const cached = cache.get(name);
      if (cached !== undefined && cached.until > clock.monotonic()) return cached.value;
      const reading = underWay.get(name) ?? start(name);
      return signal === undefined ? reading : abandonable(reading, signal);
    },
    forget(tenantId, provider) {
      const name = providerKeySecret(tenantId, provider);
      cache.delete(name);
      underWay.delete(name);
    },
  };
}

/** The promise's result, or a rejection as soon as the signal is aborted. */
function abandonable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abandon = (): void => reject(new Error('the wait was abandoned'));
    signal.addEventListener('abort', abandon, { once: true });
    if (signal.aborted) abandon();
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abandon));
  });
}
