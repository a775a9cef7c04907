import { type } from 'arktype';
import { Timestamp } from './primitives.ts';

/** What may be told of a provider key: everything but the key. */
export const ProviderSecret = type({
  name: "'anthropic' | 'openai' | 'google' | 'xai'",
  status: "'active' | 'scheduled_for_deletion'",
  created_at: Timestamp.or('null'),
  updated_at: Timestamp.or('null'),
  /** Whether a new key is being tested, and when the next is due; null where none was ever rotated. */
  rotation: "'pending' | 'idle'",
  rotated_at: Timestamp.or('null'),
  rotation_due_at: Timestamp.or('null'),
  /** When it will be gone for good, if it is scheduled for deletion. */
  deletes_at: Timestamp.or('null'),
});
export type ProviderSecret = typeof ProviderSecret.infer;
export const ProviderName = ProviderSecret.get('name');
