import { AwsError } from '../errors.ts';
import { requireBucket } from './bucket-rows.ts';
import { type Call, emptyResponse, type Store, xmlResponse } from './call.ts';
import { verifyBody } from './checksums.ts';
import { notImplemented } from './errors.ts';
import { childText, parseXml, xmlDocument, type XmlFields } from './xml.ts';

/**
 * A configuration that a bucket stores and returns as it was written. Local AWS acts on none of them: it
 * expires no object, keeps bytes as they are and has no public access to block.
 */
type Configuration = {
  /** Its query parameter, which also names it in the table. */
  readonly kind: string;
  /** Its name in the names of its operations. */
  readonly name: string;
  readonly root: string;
  /** What a new bucket has, as S3 does since 2023. */
  readonly initial?: XmlFields;
  /** What S3 answers when there is none; without it the answer is an empty document. */
  readonly missing?: { code: string; message: string };
};

export const LIFECYCLE: Configuration = {
  kind: 'lifecycle',
  name: 'BucketLifecycleConfiguration',
  root: 'LifecycleConfiguration',
  missing: {
    code: 'NoSuchLifecycleConfiguration',
    message: 'The lifecycle configuration does not exist',
  },
};

export const ENCRYPTION: Configuration = {
  kind: 'encryption',
  name: 'BucketEncryption',
  root: 'ServerSideEncryptionConfiguration',
  initial: {
    Rule: { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' }, BucketKeyEnabled: false },
  },
};

export const PUBLIC_ACCESS_BLOCK: Configuration = {
  kind: 'publicAccessBlock',
  name: 'PublicAccessBlock',
  root: 'PublicAccessBlockConfiguration',
  initial: {
    BlockPublicAcls: true,
    IgnorePublicAcls: true,
    BlockPublicPolicy: true,
    RestrictPublicBuckets: true,
  },
  missing: {
    code: 'NoSuchPublicAccessBlockConfiguration',
    message: 'The public access block configuration was not found',
  },
};

export const VERSIONING: Configuration = {
  kind: 'versioning',
  name: 'BucketVersioning',
  root: 'VersioningConfiguration',
};

export function storeDefaultConfigurations(store: Store, bucket: string): void {
  storeInitial(store, bucket, ENCRYPTION);
  storeInitial(store, bucket, PUBLIC_ACCESS_BLOCK);
}

export function getConfiguration(configuration: Configuration, store: Store, call: Call): Response {
  requireBucket(store, call.bucket);
  const row = store.database
    .query<{ document: Uint8Array<ArrayBuffer> }, [string, string]>(
      'SELECT document FROM s3_bucket_configuration WHERE bucket = ? AND kind = ?',
    )
    .get(call.bucket, configuration.kind);
  if (row !== null) return new Response(row.document, { headers: { 'content-type': 'application/xml' } });
  const { missing, root } = configuration;
  if (missing === undefined) return xmlResponse(root, {});
  throw new AwsError(missing.code, missing.message, 404, { BucketName: call.bucket });
}

/** @throws MalformedXML unless the body is a document of that configuration */
export function putConfiguration(configuration: Configuration, store: Store, call: Call): Response {
  requireBucket(store, call.bucket);
  verifyBody(call.headers, call.body);
  parseXml(call.body, configuration.root);
  writeConfiguration(store, call.bucket, configuration.kind, call.body);
  return emptyResponse(200);
}

/** Versions would change what every other operation means, so only `Suspended` is accepted. */
export function putVersioning(store: Store, call: Call): Response {
  const status = childText(parseXml(call.body, VERSIONING.root), 'Status');
  if (status !== 'Suspended') throw notImplemented(`bucket versioning with Status ${status ?? '(none)'}`);
  return putConfiguration(VERSIONING, store, call);
}

/** A bucket is always encrypted: without its own configuration it has the initial one again. */
export function deleteConfiguration(configuration: Configuration, store: Store, call: Call): Response {
  requireBucket(store, call.bucket);
  store.database
    .query<never, [string, string]>('DELETE FROM s3_bucket_configuration WHERE bucket = ? AND kind = ?')
    .run(call.bucket, configuration.kind);
  if (configuration === ENCRYPTION) storeInitial(store, call.bucket, ENCRYPTION);
  return emptyResponse(204);
}

function storeInitial(store: Store, bucket: string, { kind, root, initial }: Configuration): void {
  writeConfiguration(store, bucket, kind, Buffer.from(xmlDocument(root, initial)));
}

function writeConfiguration(store: Store, bucket: string, kind: string, document: Uint8Array): void {
  store.database
    .query<never, [string, string, Uint8Array]>(
      'INSERT OR REPLACE INTO s3_bucket_configuration (bucket, kind, document) VALUES (?, ?, ?)',
    )
    .run(bucket, kind, document);
}
