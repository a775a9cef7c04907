import { type, type Type } from 'arktype';
import { AwsError } from '../errors.ts';
import { parseInput } from '../input.ts';
import { SQS_CODES } from './errors.ts';

export type BatchResult = { readonly Successful: readonly object[]; readonly Failed: readonly object[] };

const MAX_ENTRIES = 10;
const identified = type({ Id: 'string' });

export const batchInput = type({ '+': 'reject', QueueUrl: 'string', Entries: 'object[]' });

/**
 * Parses the entries and gives each to `each`; an entry that throws AwsError fails alone. Throws AwsError
 * where the batch as a whole is wrong. Source: SQS API reference, SendMessageBatch, errors.
 */
export function runBatch<T extends object>(
  entries: readonly object[],
  schema: Type<T>,
  each: (entry: T) => object,
): BatchResult {
  const successful: object[] = [];
  const failed: object[] = [];
  for (const { id, entry } of checkEntries(entries)) {
    try {
      successful.push({ Id: id, ...each(parseInput(schema, entry, SQS_CODES)) });
    } catch (cause) {
      if (!(cause instanceof AwsError)) throw cause;
      failed.push({ Id: id, SenderFault: true, Code: cause.awsCode, Message: cause.message });
    }
  }
  return { Successful: successful, Failed: failed };
}

type Identified = { readonly id: string; readonly entry: Record<string, unknown> };

function checkEntries(entries: readonly object[]): readonly Identified[] {
  if (entries.length === 0) {
    throw new AwsError('EmptyBatchRequest', "The batch request doesn't contain any entries.");
  }
  if (entries.length > MAX_ENTRIES) {
    throw new AwsError(
      'TooManyEntriesInBatchRequest',
      `Maximum number of entries per request are 10. You have sent ${entries.length}.`,
    );
  }
  const checked = entries.map((entry) => {
    const record: Record<string, unknown> = { ...entry };
    return { id: parseInput(identified, record, SQS_CODES).Id, entry: record };
  });
  if (checked.some(({ id }) => !/^[\w-]{1,80}$/.test(id))) {
    throw new AwsError(
      'InvalidBatchEntryId',
      'A batch entry id can only contain alphanumeric characters, hyphens and underscores, at most 80.',
    );
  }
  if (new Set(checked.map(({ id }) => id)).size < checked.length) {
    throw new AwsError(
      'BatchEntryIdsNotDistinct',
      'Two or more batch entries in the request have the same Id.',
    );
  }
  return checked;
}
