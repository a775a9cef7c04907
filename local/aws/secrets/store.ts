import { randomInt } from 'node:crypto';
import type { Database } from 'bun:sqlite';
import type { Now } from '../service.ts';
import { markedForDeletion, secretNotFound } from './errors.ts';

export type Secret = {
  readonly id: number;
  readonly name: string;
  readonly arn: string;
  readonly description: string | null;
  readonly kms_key_id: string | null;
  /** JSON: [{Key, Value}]. */
  readonly tags: string;
  readonly created_at: number;
  readonly changed_at: number;
  readonly accessed_at: number | null;
  /** Set while the secret waits for its deletion. */
  readonly delete_at: number | null;
  readonly rotation_enabled: number;
  readonly rotation_function: string | null;
  readonly rotation_days: number | null;
  readonly rotated_at: number | null;
  readonly rotate_at: number | null;
};

/** What changes after a secret was created. */
export type Change = Partial<Omit<Secret, 'id' | 'name' | 'arn' | 'created_at'>>;

export type NewSecret = Pick<Secret, 'name' | 'description' | 'kms_key_id' | 'tags'>;

export type SecretStore = {
  /** By name, ARN, or ARN without its random suffix. */
  find(idOrArn: string): Secret | undefined;
  /** Throws ResourceNotFoundException, and InvalidRequestException while the secret waits for deletion. */
  live(idOrArn: string): Secret;
  /** Throws ResourceNotFoundException only. */
  any(idOrArn: string): Secret;
  insert(secret: NewSecret): Secret;
  change(id: number, change: Change): void;
  /** Deletes the secret and all its versions, now. */
  remove(id: number): void;
  /** Deletes the secrets whose recovery window is over. */
  removeLapsed(): void;
  all(): readonly Secret[];
  /** Live secrets whose rotation is due. */
  dueForRotation(): readonly Secret[];
};

const ARN_PREFIX = 'arn:aws:secretsmanager:us-east-1:000000000000:secret:';
const SUFFIX_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

export function newArn(name: string): string {
  const suffix = Array.from({ length: 6 }, () => SUFFIX_ALPHABET.charAt(randomInt(SUFFIX_ALPHABET.length)));
  return `${ARN_PREFIX}${name}-${suffix.join('')}`;
}

/** Secrets as rows. */
export function createSecretStore(database: Database, now: Now): SecretStore {
  const byName = database.query<Secret, [string]>('SELECT * FROM secrets WHERE name = ?');
  const byArn = database.query<Secret, [string]>('SELECT * FROM secrets WHERE arn = ?');
  const everything = database.query<Secret, []>('SELECT * FROM secrets ORDER BY id');
  const due = database.query<Secret, [number]>(
    'SELECT * FROM secrets WHERE rotation_enabled = 1 AND rotate_at <= ? AND delete_at IS NULL ORDER BY rotate_at',
  );
  const removeLapsed = database.query<void, [number]>('DELETE FROM secrets WHERE delete_at <= ?');
  const insert = database.query<
    Secret,
    [string, string, string | null, string | null, string, number, number]
  >(
    `INSERT INTO secrets (name, arn, description, kms_key_id, tags, created_at, changed_at)
     VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING *`,
  );
  const remove = database.query<void, [number]>('DELETE FROM secrets WHERE id = ?');

  const find = (idOrArn: string): Secret | undefined => {
    const whole = byName.get(idOrArn) ?? byArn.get(idOrArn);
    if (whole !== null) return whole;
    return idOrArn.startsWith(ARN_PREFIX)
      ? (byName.get(idOrArn.slice(ARN_PREFIX.length)) ?? undefined)
      : undefined;
  };
  const any = (idOrArn: string): Secret => {
    const secret = find(idOrArn);
    if (secret === undefined) throw secretNotFound();
    return secret;
  };
  return {
    find,
    any,
    live(idOrArn) {
      const secret = any(idOrArn);
      if (secret.delete_at !== null) throw markedForDeletion();
      return secret;
    },
    insert(secret) {
      const time = now();
      const { name, description, kms_key_id, tags } = secret;
      const row = insert.get(name, newArn(name), description, kms_key_id, tags, time, time);
      if (row === null) throw new Error('INSERT ... RETURNING gave no row');
      return row;
    },
    change(id, change) {
      const columns = Object.keys(change);
      const assignments = columns.map((column) => `${column} = ?`).join(', ');
      database
        .query<void, (string | number | null)[]>(`UPDATE secrets SET ${assignments} WHERE id = ?`)
        .run(...Object.values(change), id);
    },
    remove(id) {
      remove.run(id);
    },
    all: () => everything.all(),
    removeLapsed() {
      removeLapsed.run(now());
    },
    dueForRotation: () => due.all(now()),
  };
}
