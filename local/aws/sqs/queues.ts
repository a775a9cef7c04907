import type { Database } from 'bun:sqlite';
import { AwsError } from '../errors.ts';
import type { Now } from '../service.ts';
import { parseAttributes, withDefaults, type QueueAttributes } from './attributes.ts';
import { invalidParameter, notImplemented, queueDoesNotExist } from './errors.ts';

export const ACCOUNT = '000000000000';
const REGION = 'us-east-1';

export type Tags = Readonly<Record<string, string>>;
export type Queue = {
  readonly name: string;
  readonly attributes: QueueAttributes;
  readonly tags: Tags;
  readonly createdAt: number;
  readonly modifiedAt: number;
};

export const queueArn = (name: string): string => `arn:aws:sqs:${REGION}:${ACCOUNT}:${name}`;
export const queueNameOfArn = (arn: string): string => arn.slice(arn.lastIndexOf(':') + 1);
/** The last segment of a queue URL; its host may be the one of an earlier run. */
export const queueNameOfUrl = (url: string): string => url.slice(url.lastIndexOf('/') + 1);

export type Queues = {
  /** Creates the queue, or accepts one of the same name whose attributes do not contradict. */
  create(name: string, attributes: QueueAttributes, tags: Tags): void;
  /** Throws QueueDoesNotExist. */
  get(name: string): Queue;
  lookup(name: string): Queue | undefined;
  list(prefix: string): readonly string[];
  setAttributes(name: string, attributes: QueueAttributes): void;
  setTags(name: string, tags: Tags): void;
  /** Deletes the queue with its messages. */
  delete(name: string): void;
  /** Names of the queues whose dead-letter queue this is. */
  deadLetterSources(name: string): readonly string[];
};

type Row = { name: string; attributes: string; tags: string; created_at: number; modified_at: number };

export function createQueues(database: Database, now: Now): Queues {
  const select = database.query<Row, [string]>('SELECT * FROM sqs_queues WHERE name = ?');
  const selectNames = database.query<{ name: string }, []>('SELECT name FROM sqs_queues ORDER BY name');
  const selectSources = database.query<{ name: string }, [string]>(
    `SELECT name FROM sqs_queues WHERE attributes ->> '$.RedrivePolicy' ->> '$.deadLetterTargetArn' = ?
     ORDER BY name`,
  );
  const insert = database.query<void, [string, string, string, number, number]>(
    'INSERT INTO sqs_queues (name, attributes, tags, created_at, modified_at) VALUES (?, ?, ?, ?, ?)',
  );
  const update = database.query<void, [string, string, number, string]>(
    'UPDATE sqs_queues SET attributes = ?, tags = ?, modified_at = ? WHERE name = ?',
  );
  const remove = database.query<void, [string]>('DELETE FROM sqs_queues WHERE name = ?');

  const lookup = (name: string): Queue | undefined => {
    const row = select.get(name);
    return row === null ? undefined : queueOf(row);
  };
  const get = (name: string): Queue => {
    const queue = lookup(name);
    if (queue === undefined) throw queueDoesNotExist();
    return queue;
  };
  const exists = (arn: string): boolean => lookup(queueNameOfArn(arn)) !== undefined;
  return {
    lookup,
    get,
    create(name, input, tags) {
      checkName(name);
      const attributes = parseAttributes(input, exists);
      const existing = lookup(name);
      if (existing !== undefined) return refuseOther(existing, attributes);
      insert.run(name, JSON.stringify(withoutEmpty(attributes)), JSON.stringify(tags), now(), now());
    },
    list: (prefix) =>
      selectNames
        .all()
        .map(({ name }) => name)
        .filter((name) => name.startsWith(prefix)),
    setAttributes(name, input) {
      const queue = get(name);
      const attributes = withoutEmpty({ ...queue.attributes, ...parseAttributes(input, exists) });
      update.run(JSON.stringify(attributes), JSON.stringify(queue.tags), now(), name);
    },
    setTags(name, tags) {
      const queue = get(name);
      update.run(JSON.stringify(queue.attributes), JSON.stringify(tags), queue.modifiedAt, name);
    },
    delete(name) {
      get(name);
      remove.run(name);
    },
    deadLetterSources: (name) => selectSources.all(queueArn(name)).map((row) => row.name),
  };
}

function queueOf(row: Row): Queue {
  const attributes: QueueAttributes = JSON.parse(row.attributes);
  const tags: Tags = JSON.parse(row.tags);
  return { name: row.name, attributes, tags, createdAt: row.created_at, modifiedAt: row.modified_at };
}

function checkName(name: string): void {
  if (name.endsWith('.fifo')) throw notImplemented(`FIFO queues (${name})`);
  if (/^[\w-]{1,80}$/.test(name)) return;
  throw invalidParameter(
    'QueueName',
    name,
    'Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length.',
  );
}

function refuseOther(existing: Queue, attributes: QueueAttributes): void {
  const current = withDefaults(existing.attributes);
  const other = Object.entries(attributes).filter(([name, value]) => (current[name] ?? '') !== value);
  if (other.length === 0) return;
  const names = other.map(([name]) => name).join(', ');
  throw new AwsError(
    'QueueNameExists',
    `A queue already exists with the same name and a different value for attribute(s) ${names}`,
  );
}

function withoutEmpty(attributes: QueueAttributes): QueueAttributes {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== ''));
}
