import type { Use } from './call-uses.ts';
import type { ServiceName } from './sigv4.ts';

/** One call that reached local AWS, as a test counts it or derives an IAM action from it. */
export type RecordedCall = {
  readonly at: string;
  readonly service: ServiceName;
  readonly operation: string;
  /** Tables, queues, secrets, task families, services, or `bucket/key prefix`. */
  readonly resources: readonly string[];
  /** What IAM would be asked. */
  readonly uses: readonly Use[];
  readonly request_bytes: number;
  readonly response_bytes: number;
  /** Absent when the connection was dropped without an answer. */
  readonly status?: number;
};

export type Calls = {
  start(): void;
  stop(): void;
  read(): readonly RecordedCall[];
  record(call: RecordedCall): void;
};

/** Records calls between start() and stop(). start() forgets the earlier ones. */
export function createCalls(): Calls {
  let recorded: RecordedCall[] = [];
  let on = false;
  return {
    start() {
      recorded = [];
      on = true;
    },
    stop() {
      on = false;
    },
    read: () => recorded,
    record(call) {
      if (on) recorded.push(call);
    },
  };
}

/** The names of what a JSON call's input speaks of, each once. */
export function resourcesOf(input: unknown): string[] {
  const names = new Set<string>();
  collect(input, names, 0);
  return [...names];
}

/** Deep enough for TransactItems[].Put.TableName; stored items lie deeper or under names of their own. */
const MAX_DEPTH = 4;

function collect(value: unknown, names: Set<string>, depth: number): void {
  if (typeof value !== 'object' || value === null || depth > MAX_DEPTH) return;
  for (const [name, member] of Object.entries(value)) {
    if (typeof member === 'string') {
      if (name === 'TableName' || name === 'QueueName' || name === 'SecretId') names.add(member);
      else if ((name === 'Name' || name === 'taskDefinition') && depth === 0) names.add(member);
      else if (name === 'QueueUrl') names.add(member.slice(member.lastIndexOf('/') + 1));
    } else if (name === 'RequestItems' && typeof member === 'object' && member !== null) {
      for (const table of Object.keys(member)) names.add(table);
    } else if (name === 'services' && depth === 0 && Array.isArray(member)) {
      for (const service of member) names.add(String(service));
    } else if (name === 'TransactItems' || depth > 0) {
      collect(member, names, depth + 1);
    }
  }
}

/** How many segments of an S3 key stand for it in a record: keys are per job, policies are per prefix. */
const PREFIX_SEGMENTS = 1;

/** `bucket/first segment` of an S3 path or of a listing's prefix. */
export function s3Resource(url: URL): string {
  const [, bucket = '', ...key] = decodeURIComponent(url.pathname).split('/');
  const path = key.join('/') || (url.searchParams.get('prefix') ?? '');
  return [bucket, ...path.split('/').slice(0, PREFIX_SEGMENTS)].filter((part) => part !== '').join('/');
}

/** The name of the S3 operation that a method, a path and a query mean. Source: S3 API reference. */
export function s3Operation(request: Request, url: URL): string {
  const has = (name: string): boolean => url.searchParams.has(name);
  const segments = url.pathname.split('/').filter((part) => part !== '');
  if (segments.length === 0) return 'ListBuckets';
  return segments.length === 1
    ? bucketOperation(request.method, has)
    : objectOperation(request.method, request.headers.has('x-amz-copy-source'), has);
}

type Has = (name: string) => boolean;

function bucketOperation(method: string, has: Has): string {
  const subresource = ['Versioning', 'Lifecycle', 'Policy', 'Tagging', 'Location', 'Encryption', 'Cors'].find(
    (name) => has(name.toLowerCase()),
  );
  if (subresource !== undefined) return `${title(method)}Bucket${subresource}`;
  if (method === 'GET') return has('uploads') ? 'ListMultipartUploads' : 'ListObjectsV2';
  if (method === 'POST') return has('delete') ? 'DeleteObjects' : 'PostObject';
  if (method === 'PUT') return 'CreateBucket';
  return `${title(method)}Bucket`;
}

function objectOperation(method: string, copies: boolean, has: Has): string {
  if (method === 'POST') return has('uploads') ? 'CreateMultipartUpload' : 'CompleteMultipartUpload';
  if (method === 'PUT' && has('partNumber')) return copies ? 'UploadPartCopy' : 'UploadPart';
  if (method === 'PUT' && copies) return 'CopyObject';
  if (method === 'DELETE' && has('uploadId')) return 'AbortMultipartUpload';
  if (method === 'GET' && has('uploadId')) return 'ListParts';
  return has('tagging') ? `${title(method)}ObjectTagging` : `${title(method)}Object`;
}

const title = (method: string): string => method.charAt(0) + method.slice(1).toLowerCase();
