import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** SHA-256 as lower-case hex. */
export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/**
 * The stored form of an API key: HMAC-SHA-256 with the deployment's pepper, as hex. A key is 128 random
 * bits, so a fast hash is enough; the pepper keeps a leaked table useless.
 */
export const hashApiKey = (pepper: string, apiKey: string): string =>
  createHmac('sha256', pepper).update(apiKey).digest('hex');

/** Equality in constant time. Both are hashed first: timingSafeEqual throws on unequal lengths. */
export const constantTimeEqual = (left: string, right: string): boolean =>
  timingSafeEqual(createHash('sha256').update(left).digest(), createHash('sha256').update(right).digest());
