import type { Caller } from '../caller.ts';

/** What the entry knows of a request and the request itself must not be trusted to say. */
export type Origin = {
  readonly sourceIp: string | null;
  /** The gateway's id of the request, so that its access log and our audit entry are the same call. */
  readonly requestId?: string;
  /** Whom the gateway's authorizer vouches for: the app does not authenticate twice. */
  readonly caller?: Caller | undefined;
};

// Beside the request rather than in its headers: nothing that a client sends can get in here.
const origins = new WeakMap<Request, Origin>();

export const setOrigin = (request: Request, origin: Origin): void => void origins.set(request, origin);

export const originOf = (request: Request): Origin => origins.get(request) ?? { sourceIp: null };
