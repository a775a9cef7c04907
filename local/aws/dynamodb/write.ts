import { capacityMode, consumedCapacity } from './capacity.ts';
import type { Context, Operation } from './context.ts';
import type { Path } from './expressions/ast.ts';
import { project } from './expressions/paths.ts';
import { choice, type Input } from './parameters.ts';
import { validationError } from './validation.ts';
import type { Item } from './values.ts';
import {
  changedPaths,
  executeWrite,
  readWrite,
  WRITE_PARAMETERS,
  type WriteKind,
  type WriteResult,
} from './write-request.ts';

const RETURN_VALUES = ['ALL_NEW', 'UPDATED_OLD', 'ALL_OLD', 'NONE', 'UPDATED_NEW'] as const;
type ReturnValues = (typeof RETURN_VALUES)[number];

export const putItem = writeOperation('Put');
export const updateItem = writeOperation('Update');
export const deleteItem = writeOperation('Delete');

/** PutItem, UpdateItem or DeleteItem: one item, one transaction. */
function writeOperation(kind: Exclude<WriteKind, 'ConditionCheck'>): Operation {
  return {
    parameters: [...WRITE_PARAMETERS[kind], 'ReturnValues', 'ReturnConsumedCapacity'],
    run: (context, input) => writeOne(context, kind, input),
  };
}

function writeOne(
  context: Context,
  kind: Exclude<WriteKind, 'ConditionCheck'>,
  input: Input,
): Record<string, unknown> {
  const mode = capacityMode(input);
  const returnValues = choice(input, 'ReturnValues', RETURN_VALUES) ?? 'NONE';
  if (kind !== 'Update' && returnValues !== 'NONE' && returnValues !== 'ALL_OLD') {
    throw validationError('ReturnValues can only be ALL_OLD or NONE');
  }
  const request = readWrite(context, kind, input);
  const result = context.store.transaction(() => executeWrite(context, request));
  const attributes = returned(returnValues, result, changedPaths(request));
  const capacity = consumedCapacity(mode, request.table.name, result.consumption);
  return {
    ...(attributes && { Attributes: attributes }),
    ...(capacity && { ConsumedCapacity: capacity }),
  };
}

/** The attributes a write answers; UPDATED_OLD and UPDATED_NEW hold only the paths the update names. */
function returned(
  mode: ReturnValues,
  { before, after }: WriteResult,
  paths: readonly Path[],
): Item | undefined {
  if (mode === 'ALL_OLD') return before;
  if (mode === 'ALL_NEW') return after;
  if (mode !== 'UPDATED_OLD' && mode !== 'UPDATED_NEW') return undefined;
  const source = mode === 'UPDATED_OLD' ? before : after;
  const changed = source && project(source, paths);
  return changed && Object.keys(changed).length > 0 ? changed : undefined;
}
