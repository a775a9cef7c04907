import type { Database } from 'bun:sqlite';
import type { Now } from '../service.ts';
import type { Bodies } from './bodies.ts';
import { type XmlContent, xmlDocument } from './xml.ts';

/** What every operation works with. */
export type Store = {
  readonly database: Database;
  readonly bodies: Bodies;
  readonly now: Now;
};

/** One request, addressed and decoded. */
export type Call = {
  /** Empty for ListBuckets. */
  readonly bucket: string;
  /** Empty for the operations of a bucket. */
  readonly key: string;
  readonly query: URLSearchParams;
  /** The headers, with those that a presigned URL carries in its query (`x-amz-*`). */
  readonly headers: Headers;
  readonly body: Uint8Array;
};

export const xmlResponse = (root: string, content: XmlContent, status = 200): Response =>
  new Response(xmlDocument(root, content), { status, headers: { 'content-type': 'application/xml' } });

export const emptyResponse = (status: number, headers: Record<string, string> = {}): Response =>
  new Response(null, { status, headers });

/** Milliseconds since the epoch as S3 writes them in XML. */
export const isoDate = (milliseconds: number): string => new Date(milliseconds).toISOString();

/** Milliseconds since the epoch as an HTTP date, which has whole seconds. */
export const httpDate = (milliseconds: number): string => new Date(milliseconds).toUTCString();

export const quoted = (etag: string): string => `"${etag}"`;
