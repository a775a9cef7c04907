import type { BackendName } from './backends.ts';
import type { Outcome } from './outcome.ts';

/** One fuzzed call that came to different outcomes. `input` is the request as JSON. */
export type Difference = {
  readonly kind: string;
  readonly input: string;
  readonly local: Outcome;
  readonly other: Outcome;
};

/** A reviewed way in which a referee departs from AWS as documented; local AWS follows AWS. */
export type KnownDifference = {
  readonly id: string;
  readonly backend: BackendName;
  readonly what: string;
  readonly why: string;
  readonly source: string;
  /** Whether the entry explains a difference that the fuzz found; absent where the fuzz cannot meet it. */
  readonly explains?: (difference: Difference) => boolean;
};

const API = 'https://docs.aws.amazon.com/amazondynamodb/latest/APIReference';
const GUIDE = 'https://docs.aws.amazon.com/amazondynamodb/latest/developerguide';
const DYNALITE = 'https://github.com/architect/dynalite (its tests run against AWS)';

export const KNOWN_DIFFERENCES: readonly KnownDifference[] = [
  {
    id: 'old-of-new-item',
    backend: 'dynoxide',
    what: 'UpdateItem with ALL_OLD that creates an item answers its key as old attributes',
    why: 'there was no item before the update, so there is nothing to answer',
    source: `${API}/API_UpdateItem.html#DDB-UpdateItem-request-ReturnValues; ${DYNALITE}`,
    explains: ({ kind, input, local }) =>
      kind === 'UpdateItem' && input.includes('"ALL_OLD"') && isEmpty(local.result),
  },
  {
    id: 'updated-list-elements',
    backend: 'dynoxide',
    what: 'UPDATED_OLD and UPDATED_NEW of a list element answer the whole list, or siblings of its parent',
    why: 'only the updated elements are answered',
    source: `${API}/API_UpdateItem.html#DDB-UpdateItem-request-ReturnValues; ${DYNALITE}`,
    explains: ({ kind, input, local, other }) =>
      kind === 'UpdateItem' &&
      /"UPDATED_(OLD|NEW)"/.test(input) &&
      /"UpdateExpression":"[^"]*\[\d\]/.test(input) &&
      local.error === undefined &&
      other.error === undefined,
  },
  {
    id: 'remove-below-nothing',
    backend: 'dynoxide',
    what: 'REMOVE of an element of a list, or member of a map, that does not exist succeeds',
    why: 'a path whose parent does not exist is invalid for update',
    source: DYNALITE,
    explains: ({ kind, local, other }) =>
      kind === 'UpdateItem' &&
      other.error === undefined &&
      local.message === 'The document path provided in the update expression is invalid for update',
  },
  {
    id: 'set-below-null',
    backend: 'dynoxide',
    what: 'SET of a member or an element of an attribute that is NULL replaces the NULL by a map or list',
    why: 'a path whose parent is neither a map nor a list is invalid for update',
    source: DYNALITE,
    // As an UpdateItem it looks like remove-below-nothing.
    explains: ({ kind, input, local, other }) =>
      kind === 'TransactWriteItems' &&
      /"UpdateExpression":"SET [^"]*[lm](\.|\[)/.test(input) &&
      refusedOnlyHere(codesOf(local), codesOf(other)),
  },
  {
    id: 'remove-positions',
    backend: 'dynoxide',
    what: 'REMOVE of several elements of one list takes them one after the other, each at its new position',
    why: 'positions are those before the update',
    source: `${GUIDE}/Expressions.UpdateExpressions.html#Expressions.UpdateExpressions.REMOVE.RemovingListElements`,
  },
  {
    id: 'set-past-the-end',
    backend: 'dynoxide',
    what: 'SET of a list element past the end pads the list with nulls',
    why: 'the element is appended',
    source: `${GUIDE}/Expressions.UpdateExpressions.html#Expressions.UpdateExpressions.SET.AddingListElements`,
  },
  {
    id: 'index-without-attribute',
    backend: 'dynoxide',
    what: 'a ProjectionExpression on an index may name attributes that the index does not hold',
    why: 'a global secondary index can only answer what is projected into it',
    source: `${GUIDE}/GSI.html#GSI.Reading`,
    explains: ({ kind, local }) =>
      (kind === 'Query' || kind === 'Scan') && (local.message ?? '').includes(' does not project ['),
  },
  {
    id: 'transact-get-projection',
    backend: 'dynoxide',
    what: 'TransactGetItems with a ProjectionExpression adds the key, or answers nothing for an empty projection',
    why: 'only the named attributes are answered, as by GetItem',
    source: `${API}/API_Get.html`,
    explains: ({ kind, input }) => kind === 'TransactGetItems' && input.includes('"ProjectionExpression"'),
  },
  {
    id: 'endless-pages',
    backend: 'dynoxide',
    what: 'a Query with Limit on a table without a sort key never ends: each page names the same item again',
    why: 'LastEvaluatedKey continues after the item it names',
    source: `${GUIDE}/Query.Pagination.html`,
    explains: ({ kind, input, other }) =>
      kind === 'Query' && input.includes('"Limit"') && other.message === 'the pages do not end',
  },
  {
    id: 'duplicate-numeric-keys',
    backend: 'dynoxide',
    what: 'BatchGetItem takes one key twice if its number is written in two ways (100, 1e2)',
    why: 'numbers are compared by value, and a batch must not hold duplicates',
    source: `${API}/API_BatchGetItem.html`,
  },
  {
    id: 'key-condition-types',
    backend: 'dynoxide',
    what: 'a key condition whose value has another type than the key is accepted and compared as text',
    why: 'the value must have the type that the schema gives the key',
    source: `${GUIDE}/Query.KeyConditionExpressions.html; ${DYNALITE}`,
    explains: ({ kind, local }) =>
      kind === 'Query' &&
      (local.message ?? '').endsWith('Condition parameter type does not match schema type'),
  },
  {
    id: 'transaction-expression-errors',
    backend: 'dynoxide',
    what: 'an invalid expression inside TransactWriteItems is a cancellation reason',
    why: 'the request itself is invalid: ValidationException, before anything is tried',
    source: `${API}/API_TransactWriteItems.html#API_TransactWriteItems_Errors`,
  },
  {
    id: 'read-operand-types',
    backend: 'dynoxide',
    what: 'an ordering comparison with a set, list, map or boolean in a FilterExpression is false',
    why: 'it is an incorrect operand type, found before any item is read',
    source: DYNALITE,
  },
  {
    id: 'same-operands',
    backend: 'dynoxide',
    what: 'a condition may compare a path with itself',
    why: 'the operands of a comparison must be distinct',
    source: DYNALITE,
  },
  {
    id: 'start-outside',
    backend: 'dynoxide',
    what: 'ExclusiveStartKey of a Query may lie in another partition',
    why: 'the starting key must meet the key condition',
    source: DYNALITE,
  },
  {
    id: 'no-backups',
    backend: 'dynoxide',
    what: 'UpdateContinuousBackups and DescribeContinuousBackups are not known',
    why: 'AWS has them; tables of Outpost switch point-in-time recovery on',
    source: `${API}/API_UpdateContinuousBackups.html`,
  },
  {
    id: 'extra-parameters',
    backend: 'dynoxide',
    what: 'unknown and legacy parameters (AttributesToGet, Expected, KeyConditions ...) are taken',
    why: 'this one departs from AWS on purpose: what local AWS does not implement is never silently accepted',
    source: 'design: anything it does not implement is a 400 that names the operation or parameter',
  },
];

const isEmpty = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.keys(value).length === 0;

/** The cancellation codes of an outcome; none if it succeeded. */
function codesOf({ result }: Outcome): string[] {
  if (typeof result !== 'object' || result === null || !('reasons' in result)) return [];
  const { reasons } = result;
  return Array.isArray(reasons) ? reasons.map(({ Code }: { Code: string }) => Code) : [];
}

/** Whether the codes differ only where we find an action invalid and the referee does not. */
const refusedOnlyHere = (local: string[], other: string[]): boolean =>
  local.length > 0 &&
  local.every((code, index) => {
    const referee = other[index] ?? 'None';
    return code === referee || (code === 'ValidationError' && referee === 'None');
  });
