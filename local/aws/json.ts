import { resourcesOf } from './calls.ts';
import { usesOf } from './call-uses.ts';
import { AwsError } from './errors.ts';
import type { Exchange } from './exchange.ts';
import type { JsonService } from './service.ts';
import type { ServiceName } from './sigv4.ts';

type Dialect = {
  readonly service: ServiceName;
  /** What stands before the code in `__type`. */
  readonly errorNamespace: string;
  readonly messageMember: 'message' | 'Message';
  readonly headers: (body: Uint8Array) => Record<string, string>;
  readonly errorHeaders: (error: AwsError) => Record<string, string>;
};

const none = (): Record<string, string> => ({});

/** What differs between the services that speak AWS JSON, by `x-amz-target` prefix. */
const DIALECTS: Record<string, Dialect> = {
  DynamoDB_20120810: {
    service: 'dynamodb',
    errorNamespace: 'com.amazonaws.dynamodb.v20120810#',
    messageMember: 'message',
    headers: (body) => ({ 'x-amz-crc32': String(Bun.hash.crc32(body)) }),
    errorHeaders: none,
  },
  AmazonSQS: {
    service: 'sqs',
    errorNamespace: 'com.amazonaws.sqs#',
    messageMember: 'message',
    headers: none,
    errorHeaders: (error) => ({ 'x-amzn-query-error': `${queryCode(error.awsCode)};${fault(error)}` }),
  },
  AmazonEC2ContainerServiceV20141113: {
    service: 'ecs',
    errorNamespace: '',
    messageMember: 'message',
    headers: none,
    errorHeaders: none,
  },
  secretsmanager: {
    service: 'secretsmanager',
    errorNamespace: '',
    messageMember: 'Message',
    headers: none,
    errorHeaders: none,
  },
};

/** Error codes that SQS named otherwise in its query protocol. Source: AWS SQS model, `awsQueryError`. */
const QUERY_CODES: Record<string, string> = {
  QueueDoesNotExist: 'AWS.SimpleQueueService.NonExistentQueue',
  QueueDeletedRecently: 'AWS.SimpleQueueService.QueueDeletedRecently',
  QueueNameExists: 'QueueAlreadyExists',
  MessageNotInflight: 'AWS.SimpleQueueService.MessageNotInflight',
  PurgeQueueInProgress: 'AWS.SimpleQueueService.PurgeQueueInProgress',
  TooManyEntriesInBatchRequest: 'AWS.SimpleQueueService.TooManyEntriesInBatchRequest',
  EmptyBatchRequest: 'AWS.SimpleQueueService.EmptyBatchRequest',
  BatchEntryIdsNotDistinct: 'AWS.SimpleQueueService.BatchEntryIdsNotDistinct',
  BatchRequestTooLong: 'AWS.SimpleQueueService.BatchRequestTooLong',
  InvalidBatchEntryId: 'AWS.SimpleQueueService.InvalidBatchEntryId',
  UnsupportedOperation: 'AWS.SimpleQueueService.UnsupportedOperation',
};

const queryCode = (code: string): string => QUERY_CODES[code] ?? code;
const fault = (error: AwsError): string => (error.status < 500 ? 'Sender' : 'Receiver');

/**
 * Reads a request of an AWS JSON service; undefined where no service has this target. An unknown operation
 * and a body that is not a JSON object are raised by run() only, so that the signature is judged first.
 */
export function jsonExchange(
  services: readonly JsonService[],
  target: string,
  request: Request,
  body: Uint8Array,
): Exchange | undefined {
  const [prefix = '', operation = ''] = target.split('.', 2);
  const dialect = DIALECTS[prefix];
  const service = services.find(({ targetPrefix }) => targetPrefix === prefix);
  if (dialect === undefined || service === undefined) return undefined;

  const input = parse(body);
  const respond = (output: unknown, status: number, headers: Record<string, string>): Response => {
    const bytes = Buffer.from(JSON.stringify(output ?? {}));
    return new Response(bytes, {
      status,
      headers: {
        'content-type': `application/x-amz-json-${service.jsonVersion}`,
        'content-length': String(bytes.byteLength),
        'x-amzn-requestid': crypto.randomUUID(),
        ...dialect.headers(bytes),
        ...headers,
      },
    });
  };
  const answer = (output: unknown): Response => respond(output, 200, {});
  const resources = resourcesOf(input);
  return {
    service: dialect.service,
    operation,
    resources,
    uses: usesOf(operation, input, resources),
    input: input ?? {},
    answer,
    refuse: (error) => respond(errorBody(error, dialect), error.status, dialect.errorHeaders(error)),
    async run(_verified, twist) {
      if (!service.operations.includes(operation)) throw unknownOperation(target);
      if (input === undefined) throw new AwsError('SerializationException', 'The body is not a JSON object.');
      const { signal } = request;
      const call = twist?.delivery === undefined ? { signal } : { signal, delivery: twist.delivery };
      return answer(await service.handle(operation, twist?.input ?? input, call));
    },
  };
}

function parse(body: Uint8Array): Record<string, unknown> | undefined {
  if (body.byteLength === 0) return {};
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
    return isObject(value) ? value : undefined;
  } catch (cause) {
    if (cause instanceof SyntaxError || cause instanceof TypeError) return undefined;
    throw cause;
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function errorBody(error: AwsError, dialect: Dialect): Record<string, unknown> {
  return {
    __type: dialect.errorNamespace + error.awsCode,
    [dialect.messageMember]: error.message,
    ...error.extra,
  };
}

/** The error for a target or an operation that is not here. It names it. */
export const unknownOperation = (target: string): AwsError =>
  new AwsError('UnknownOperationException', `Local AWS does not implement ${target}.`);
