import { type S3Client, S3ServiceException } from '@aws-sdk/client-s3';

/** One promise of S3, shown with a client on a fresh bucket. */
export type Case = {
  readonly name: string;
  run(s3: S3Client, bucket: string): Promise<void>;
};

/** A call that S3 refused: its code, its HTTP status and its message. */
export type Refusal = {
  readonly code: string;
  readonly status: number | undefined;
  readonly message: string;
};

/** The refusal of a call; fails when the call succeeds or fails for another reason. */
export async function refusalOf(call: Promise<unknown>): Promise<Refusal> {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof S3ServiceException)) throw error;
    return { code: error.name, status: error.$metadata.httpStatusCode, message: error.message };
  }
  throw new Error('the call was expected to be refused and succeeded');
}

/** Deterministic bytes that differ at every position of a chunk boundary. */
export function patternedBytes(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let state = seed;
  for (let index = 0; index < length; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[index] = state >>> 24;
  }
  return bytes;
}

export const MIB = 1024 * 1024;
