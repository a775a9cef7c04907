import { AwsError } from '../errors.ts';

/** The headers that belong to an object: content headers and user metadata, names in lower case. */
export type ObjectHeaders = Record<string, string>;

const CONTENT_HEADERS = [
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-type',
  'expires',
];
const METADATA_PREFIX = 'x-amz-meta-';
const METADATA_BYTES = 2048;

export const isMetadataHeader = (name: string): boolean => name.startsWith(METADATA_PREFIX);

/**
 * Takes the headers that S3 keeps with the object.
 * @throws MetadataTooLarge above 2 KB of user metadata (names without their prefix, and values)
 */
export function takeObjectHeaders(headers: Headers): ObjectHeaders {
  const taken: ObjectHeaders = {};
  let metadataBytes = 0;
  for (const [name, value] of headers) {
    if (isMetadataHeader(name)) {
      metadataBytes += Buffer.byteLength(name.slice(METADATA_PREFIX.length)) + Buffer.byteLength(value);
      taken[name] = value;
    } else if (CONTENT_HEADERS.includes(name)) {
      const kept = name === 'content-encoding' ? withoutChunking(value) : value;
      if (kept !== '') taken[name] = kept;
    }
  }
  if (metadataBytes > METADATA_BYTES) {
    throw new AwsError(
      'MetadataTooLarge',
      'Your metadata headers exceed the maximum allowed metadata size',
      400,
      {
        Size: metadataBytes,
        MaxSizeAllowed: METADATA_BYTES,
      },
    );
  }
  return taken;
}

/** `aws-chunked` describes the transfer and not the object. */
function withoutChunking(contentEncoding: string): string {
  return contentEncoding
    .split(',')
    .map((coding) => coding.trim())
    .filter((coding) => coding !== 'aws-chunked' && coding !== '')
    .join(',');
}
