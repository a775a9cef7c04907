import { randomBytes } from 'node:crypto';
import { invalidReceipt } from './errors.ts';

/** What a receipt handle names: a message row, and the one receive that made the handle. */
export type Receipt = { readonly seq: number; readonly nonce: string };

export const newNonce = (): string => randomBytes(12).toString('base64url');

export function writeReceipt({ seq, nonce }: Receipt): string {
  return Buffer.from(`${seq}.${nonce}`).toString('base64');
}

/** Throws ReceiptHandleIsInvalid where the text is no handle of ours. */
export function readReceipt(handle: string): Receipt {
  const [, seq, nonce] =
    /^(\d{1,15})\.([\w-]{16})$/.exec(Buffer.from(handle, 'base64').toString('latin1')) ?? [];
  if (seq === undefined || nonce === undefined) throw invalidReceipt(handle);
  return { seq: Number(seq), nonce };
}
