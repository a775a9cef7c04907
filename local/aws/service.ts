/** What an injected fault does to the messages of one SQS call. */
export type DeliveryFault = {
  /** How many times each message is delivered. */
  readonly copies?: number;
  /** Milliseconds by which delivery is put off. */
  readonly lateMs?: number;
  /** The send is acknowledged and the message is gone. */
  readonly lost?: boolean;
};

/** What one request to a JSON service carries besides its input. */
export type Call = {
  /** Aborted when the client goes away: ends a long poll early. */
  readonly signal: AbortSignal;
  /** Set only by an injected fault, and only for SQS. */
  readonly delivery?: DeliveryFault;
};

/**
 * A service that speaks AWS JSON (DynamoDB, SQS, Secrets Manager).
 * The server picks it by the prefix of `x-amz-target`, checks the signature, parses the body and
 * writes the answer; the service maps one operation's input to its output or throws AwsError.
 */
export type JsonService = {
  /** The `x-amz-target` prefix, for example `DynamoDB_20120810`. */
  readonly targetPrefix: string;
  /** The protocol's version: DynamoDB and SQS speak 1.0, Secrets Manager 1.1. */
  readonly jsonVersion: '1.0' | '1.1';
  /** The operations it knows; any other is a 400 that names it. */
  readonly operations: readonly string[];
  handle(operation: string, input: Record<string, unknown>, call: Call): unknown;
  /** The time has jumped: whoever waits for a moment looks again. */
  timeChanged?(): void;
  /** Ends timers and long polls. After it, handle() is not called again. */
  stop?(): void;
};

/** A service that speaks REST (S3). `body` is already read, verified and de-chunked. */
export type RestService = {
  handle(request: Request, url: URL, body: Uint8Array): Response | Promise<Response>;
};

/** Time as the services see it: milliseconds since the epoch. Tests inject their own. */
export type Now = () => number;
