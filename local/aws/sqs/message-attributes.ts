import { createHash } from 'node:crypto';
import { type } from 'arktype';
import { AwsError } from '../errors.ts';

const messageAttribute = type({
  '+': 'reject',
  DataType: 'string',
  'StringValue?': 'string',
  'BinaryValue?': 'string.base64',
});

export const messageAttributes = type({ '[string]': messageAttribute });
export type MessageAttributes = typeof messageAttributes.infer;

const MAX_ATTRIBUTES = 10;
const NAME = /^(?!aws\.|amazon\.)(?!\.)(?!.*\.\.)[\w.-]{1,256}(?<!\.)$/i;
const DATA_TYPE = /^(String|Number|Binary)(\.[^\s]{1,249})?$/;

/** Throws AwsError where the attributes break SQS's rules. Source: SQS guide, "Message attributes". */
export function checkMessageAttributes(attributes: MessageAttributes): void {
  const entries = Object.entries(attributes);
  if (entries.length > MAX_ATTRIBUTES) {
    throw invalid(`Number of message attributes [${entries.length}] exceeds the allowed maximum [10].`);
  }
  for (const [name, attribute] of entries) checkAttribute(name, attribute);
}

function checkAttribute(
  name: string,
  { DataType, StringValue, BinaryValue }: MessageAttributes[string],
): void {
  if (!NAME.test(name)) throw invalid(`The message attribute name '${name}' is not valid.`);
  if (!DATA_TYPE.test(DataType)) {
    throw invalid(`The type of message (user) attribute '${name}' is invalid: ${DataType}.`);
  }
  const value = DataType.startsWith('Binary') ? BinaryValue : StringValue;
  if (value === undefined || value === '') {
    throw invalid(`The message (user) attribute '${name}' must contain a non-empty value of its type.`);
  }
  if (DataType.startsWith('Number') && !Number.isFinite(Number(value))) {
    throw invalid(`Can't cast the value of message (user) attribute '${name}' to a number.`);
  }
}

const invalid = (message: string): AwsError => new AwsError('InvalidParameterValue', message);

/** What the attributes count towards the size limit: names, types and values, in bytes. */
export function attributesBytes(attributes: MessageAttributes): number {
  let bytes = 0;
  for (const [name, { DataType, StringValue, BinaryValue }] of Object.entries(attributes)) {
    bytes += Buffer.byteLength(name) + Buffer.byteLength(DataType);
    bytes +=
      BinaryValue === undefined
        ? Buffer.byteLength(StringValue ?? '')
        : Buffer.byteLength(BinaryValue, 'base64');
  }
  return bytes;
}

/** Source: SQS guide, "Calculating the MD5 message digest for message attributes". */
export function attributesMd5(attributes: MessageAttributes): string {
  const hash = createHash('md5');
  const add = (bytes: Buffer): void => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    hash.update(length).update(bytes);
  };
  const names = Object.keys(attributes).toSorted();
  for (const name of names) {
    const attribute = attributes[name];
    if (attribute === undefined) continue;
    const { DataType, StringValue, BinaryValue } = attribute;
    const isBinary = DataType.startsWith('Binary');
    add(Buffer.from(name));
    add(Buffer.from(DataType));
    hash.update(Buffer.from([isBinary ? 2 : 1]));
    add(isBinary ? Buffer.from(BinaryValue ?? '', 'base64') : Buffer.from(StringValue ?? ''));
  }
  return hash.digest('hex');
}

/** The attributes whose names were asked for: `All`, `.*`, a prefix with `.*`, or the name itself. */
export function selectAttributes(
  attributes: MessageAttributes,
  wanted: readonly string[],
): MessageAttributes {
  const matches = (name: string): boolean =>
    wanted.some((pattern) => {
      if (pattern === 'All' || pattern === '.*') return true;
      return pattern.endsWith('.*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name;
    });
  return Object.fromEntries(Object.entries(attributes).filter(([name]) => matches(name)));
}
