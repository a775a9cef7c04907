import { createBucket, deleteBucket, getBucketLocation, headBucket, listBuckets } from './buckets.ts';
import type { Call, Store } from './call.ts';
import { CHECKSUM_HEADERS } from './checksums.ts';
import {
  deleteConfiguration,
  ENCRYPTION,
  getConfiguration,
  LIFECYCLE,
  PUBLIC_ACCESS_BLOCK,
  putConfiguration,
  putVersioning,
  VERSIONING,
} from './configuration.ts';
import { listObjectsV2 } from './listing.ts';
import { listMultipartUploads, listParts } from './multipart-listing.ts';
import {
  abortMultipartUpload,
  completeMultipartUpload,
  createMultipartUpload,
  uploadPart,
} from './multipart.ts';
import { copyObject, deleteObject, deleteObjects, putObject } from './objects.ts';
import { getObject, headObject, RESPONSE_OVERRIDES } from './reading.ts';

export type Level = 'service' | 'bucket' | 'object';

/** One operation: how a request selects it, and all it may carry; anything else is refused by name. */
export type Operation = {
  readonly name: string;
  readonly method: string;
  readonly level: Level;
  /** Query parameters that must be present, `name` or `name=value`. */
  readonly selectors: readonly string[];
  /** A header that must be present. */
  readonly selectingHeader?: string;
  /** Further query parameters it understands. */
  readonly parameters: readonly string[];
  /** Headers with a meaning that it understands. */
  readonly headers: readonly string[];
  /** Whether it keeps user metadata (`x-amz-meta-*`). */
  readonly metadata?: boolean;
  readonly run: (store: Store, call: Call) => Response;
};

const BODY_DIGESTS = ['content-md5', ...CHECKSUM_HEADERS];
const WRITE_CONDITIONS = ['if-match', 'if-none-match'];
const READ_HEADERS = [
  ...WRITE_CONDITIONS,
  'if-modified-since',
  'if-unmodified-since',
  'range',
  'x-amz-checksum-mode',
];

const object = (
  name: string,
  method: string,
  selectors: string[],
  run: Operation['run'],
  accepts: Partial<Pick<Operation, 'parameters' | 'headers' | 'metadata' | 'selectingHeader'>> = {},
): Operation => ({ name, method, level: 'object', selectors, parameters: [], headers: [], ...accepts, run });

const bucket = (
  name: string,
  method: string,
  selectors: string[],
  run: Operation['run'],
  accepts: Partial<Pick<Operation, 'parameters' | 'headers'>> = {},
): Operation => ({ name, method, level: 'bucket', selectors, parameters: [], headers: [], ...accepts, run });

/** The most specific first: the first whose selectors are all present is the one. */
export const OPERATIONS: readonly Operation[] = [
  {
    name: 'ListBuckets',
    method: 'GET',
    level: 'service',
    selectors: [],
    parameters: [],
    headers: [],
    run: listBuckets,
  },

  bucket('GetBucketLocation', 'GET', ['location'], getBucketLocation),
  ...[LIFECYCLE, ENCRYPTION, PUBLIC_ACCESS_BLOCK].flatMap((configuration) => {
    const { kind, name } = configuration;
    return [
      bucket(`Get${name}`, 'GET', [kind], (store, call) => getConfiguration(configuration, store, call)),
      bucket(`Put${name}`, 'PUT', [kind], (store, call) => putConfiguration(configuration, store, call), {
        headers: BODY_DIGESTS,
      }),
      bucket(`Delete${name}`, 'DELETE', [kind], (store, call) =>
        deleteConfiguration(configuration, store, call),
      ),
    ];
  }),
  bucket('GetBucketVersioning', 'GET', ['versioning'], (store, call) =>
    getConfiguration(VERSIONING, store, call),
  ),
  bucket('PutBucketVersioning', 'PUT', ['versioning'], putVersioning, { headers: BODY_DIGESTS }),
  bucket('ListMultipartUploads', 'GET', ['uploads'], listMultipartUploads, {
    parameters: ['prefix', 'key-marker', 'upload-id-marker', 'max-uploads', 'encoding-type'],
  }),
  bucket('ListObjectsV2', 'GET', ['list-type=2'], listObjectsV2, {
    parameters: [
      'prefix',
      'delimiter',
      'start-after',
      'continuation-token',
      'max-keys',
      'encoding-type',
      'fetch-owner',
    ],
  }),
  bucket('DeleteObjects', 'POST', ['delete'], deleteObjects, { headers: BODY_DIGESTS }),
  bucket('CreateBucket', 'PUT', [], createBucket, { headers: BODY_DIGESTS }),
  bucket('HeadBucket', 'HEAD', [], headBucket),
  bucket('DeleteBucket', 'DELETE', [], deleteBucket),

  object('CreateMultipartUpload', 'POST', ['uploads'], createMultipartUpload, {
    headers: ['x-amz-checksum-algorithm', 'x-amz-checksum-type'],
    metadata: true,
  }),
  object('UploadPart', 'PUT', ['uploadId', 'partNumber'], uploadPart, { headers: BODY_DIGESTS }),
  object('CompleteMultipartUpload', 'POST', ['uploadId'], completeMultipartUpload, {
    headers: [...WRITE_CONDITIONS, ...CHECKSUM_HEADERS, 'x-amz-checksum-type'],
  }),
  object('AbortMultipartUpload', 'DELETE', ['uploadId'], abortMultipartUpload),
  object('ListParts', 'GET', ['uploadId'], listParts, { parameters: ['max-parts', 'part-number-marker'] }),
  object('CopyObject', 'PUT', [], copyObject, {
    selectingHeader: 'x-amz-copy-source',
    headers: [...WRITE_CONDITIONS, 'x-amz-metadata-directive'],
    metadata: true,
  }),
  object('PutObject', 'PUT', [], putObject, {
    headers: [...BODY_DIGESTS, ...WRITE_CONDITIONS],
    metadata: true,
  }),
  object('GetObject', 'GET', [], getObject, { parameters: RESPONSE_OVERRIDES, headers: READ_HEADERS }),
  object('HeadObject', 'HEAD', [], headObject, { parameters: RESPONSE_OVERRIDES, headers: READ_HEADERS }),
  object('DeleteObject', 'DELETE', [], deleteObject),
];
