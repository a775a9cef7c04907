import {
  allowOnly,
  asStructure,
  checkName,
  choice,
  count,
  list,
  required,
  structure,
  text,
  type Input,
} from './parameters.ts';
import {
  keyAttributes,
  type Index,
  type KeyAttribute,
  type KeySchema,
  type KeyType,
  type Projection,
  type Throughput,
} from './schema.ts';
import { constraintError, invalidParameter, validationError } from './validation.ts';

const MAX_INDEXES = 20;
const MAX_INCLUDED = 20;

/** The AttributeDefinitions parameter, by name. */
export function readDefinitions(input: Input): Map<string, KeyType> | undefined {
  const entries = list(input, 'AttributeDefinitions')?.map((entry) => {
    const definition = asStructure(entry);
    allowOnly('AttributeDefinition', definition, ['AttributeName', 'AttributeType']);
    const name = required(text(definition, 'AttributeName'), 'attributeDefinitions.member.attributeName');
    const type = required(
      choice(definition, 'AttributeType', ['B', 'N', 'S']),
      'attributeDefinitions.member.attributeType',
    );
    return [name, type] as const;
  });
  if (entries === undefined) return undefined;
  const definitions = new Map(entries);
  if (definitions.size !== entries.length) {
    throw validationError('Cannot have two attributes with the same name');
  }
  return definitions;
}

/** A KeySchema parameter: a hash key, and a range key after it if there is one. */
export function readKeySchema(input: Input, definitions: ReadonlyMap<string, KeyType>): KeySchema {
  const elements = required(list(input, 'KeySchema'), 'KeySchema').map((entry) => {
    const element = asStructure(entry);
    allowOnly('KeySchemaElement', element, ['AttributeName', 'KeyType']);
    return {
      name: required(text(element, 'AttributeName'), 'keySchema.member.attributeName'),
      keyType: required(choice(element, 'KeyType', ['HASH', 'RANGE']), 'keySchema.member.keyType'),
    };
  });
  if (elements.length > 2) {
    throw constraintError(
      `'[${elements.length} elements]'`,
      'keySchema',
      'Member must have length less than or equal to 2',
    );
  }
  const [hash, range] = elements;
  if (hash === undefined) {
    throw constraintError("'[]'", 'keySchema', 'Member must have length greater than or equal to 1');
  }
  if (hash.keyType !== 'HASH') {
    throw validationError('Invalid KeySchema: The first KeySchemaElement is not a HASH key type');
  }
  if (range !== undefined && range.keyType !== 'RANGE') {
    throw validationError('Invalid KeySchema: The second KeySchemaElement is not a RANGE key type');
  }
  if (hash.name === range?.name) {
    throw validationError('Both the Hash Key and the Range Key element in the KeySchema have the same name');
  }
  const typed = ({ name }: { name: string }): KeyAttribute => {
    const type = definitions.get(name);
    if (type !== undefined) return { name, type };
    throw invalidParameter(
      `Some index key attributes are not defined in AttributeDefinitions. Keys: [${name}], AttributeDefinitions: [${[...definitions.keys()].join(', ')}]`,
    );
  };
  return range === undefined ? { hash: typed(hash) } : { hash: typed(hash), range: typed(range) };
}

/** One global secondary index, as CreateTable and UpdateTable describe it. */
export function readIndex(entry: unknown, definitions: ReadonlyMap<string, KeyType>): Index {
  const input = asStructure(entry);
  allowOnly('GlobalSecondaryIndex', input, ['IndexName', 'KeySchema', 'Projection', 'ProvisionedThroughput']);
  const name = checkName(
    required(text(input, 'IndexName'), 'globalSecondaryIndexes.member.indexName'),
    'globalSecondaryIndexes.member.indexName',
  );
  return { name, keys: readKeySchema(input, definitions), projection: readProjection(input) };
}

function readProjection(input: Input): Projection {
  const projection = required(structure(input, 'Projection'), 'globalSecondaryIndexes.member.projection');
  allowOnly('Projection', projection, ['ProjectionType', 'NonKeyAttributes']);
  const type = choice(projection, 'ProjectionType', ['ALL', 'INCLUDE', 'KEYS_ONLY']);
  const attributes = list(projection, 'NonKeyAttributes')?.map(String);
  if (type === undefined) throw invalidParameter('Unknown ProjectionType: null');
  if (type !== 'INCLUDE') {
    if (attributes === undefined) return { type };
    throw invalidParameter(`ProjectionType is ${type}, but NonKeyAttributes is specified`);
  }
  if (attributes === undefined || attributes.length === 0) {
    throw invalidParameter('ProjectionType is INCLUDE, but NonKeyAttributes is not specified');
  }
  if (attributes.length > MAX_INCLUDED) {
    throw constraintError(
      `'[${attributes.length} names]'`,
      'nonKeyAttributes',
      `Member must have length less than or equal to ${MAX_INCLUDED}`,
    );
  }
  return { type, attributes };
}

/** Throws ValidationException for too many indexes or two with one name. */
export function checkIndexes(indexes: readonly Index[]): void {
  const names = indexes.map(({ name }) => name);
  const duplicate = names.find((name, position) => names.indexOf(name) !== position);
  if (duplicate !== undefined) throw invalidParameter(`Duplicate index name: ${duplicate}`);
  if (indexes.length > MAX_INDEXES) {
    throw invalidParameter(`GlobalSecondaryIndex count exceeds the per-table limit of ${MAX_INDEXES}`);
  }
}

/** Throws ValidationException if an attribute is defined that no key uses. */
export function checkDefinitionsUsed(
  definitions: ReadonlyMap<string, KeyType>,
  keys: KeySchema,
  indexes: readonly Index[],
): void {
  const used = new Set(
    [keys, ...indexes.map((index) => index.keys)].flatMap(keyAttributes).map(({ name }) => name),
  );
  if ([...definitions.keys()].every((name) => used.has(name))) return;
  throw invalidParameter(
    `Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions`,
  );
}

/** The ProvisionedThroughput parameter. It is described but does not throttle. */
export function readThroughput(input: Input): Throughput | undefined {
  const throughput = structure(input, 'ProvisionedThroughput');
  if (throughput === undefined) return undefined;
  allowOnly('ProvisionedThroughput', throughput, ['ReadCapacityUnits', 'WriteCapacityUnits']);
  return {
    read: required(count(throughput, 'ReadCapacityUnits', 1), 'provisionedThroughput.readCapacityUnits'),
    write: required(count(throughput, 'WriteCapacityUnits', 1), 'provisionedThroughput.writeCapacityUnits'),
  };
}
