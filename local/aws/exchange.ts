import type { Use } from './call-uses.ts';
import type { AwsError } from './errors.ts';
import type { DeliveryFault } from './service.ts';
import type { ServiceName, Verified } from './sigv4.ts';

/** How an injected fault changes what the service is given. */
export type Twist = { readonly input?: Record<string, unknown>; readonly delivery?: DeliveryFault };

/** One request in its service's terms: what it asks for and how that service words answers and errors. */
export type Exchange = {
  readonly service: ServiceName;
  readonly operation: string;
  readonly resources: readonly string[];
  readonly uses: readonly Use[];
  /** The parsed input of a JSON call; empty for REST. */
  readonly input: Record<string, unknown>;
  /** Does the work. Throws AwsError. */
  run(verified: Verified, twist?: Twist): Promise<Response>;
  answer(output: unknown): Response;
  refuse(error: AwsError): Response;
};
