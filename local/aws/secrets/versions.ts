import type { Database } from 'bun:sqlite';
import type { Now } from '../service.ts';
import { alreadyExists } from './errors.ts';

export const CURRENT = 'AWSCURRENT';
export const PENDING = 'AWSPENDING';
const PREVIOUS = 'AWSPREVIOUS';

/** A secret's value: one of the two. Binary is base64, as on the wire. */
export type Value = { readonly string: string | null; readonly binary: string | null };

export type Version = Value & {
  readonly versionId: string;
  readonly stages: readonly string[];
  readonly createdAt: number;
};

export type Versions = {
  list(secret: number): readonly Version[];
  byId(secret: number, versionId: string): Version | undefined;
  byStage(secret: number, stage: string): Version | undefined;
  /**
   * Stores a version and moves the labels to it. The same id with the same value is accepted again without
   * effect; with another value it throws ResourceExistsException. The id is the client's request token.
   */
  put(secret: number, versionId: string, value: Value, stages: readonly string[]): void;
  /** Makes the placeholder of a rotation, labelled AWSPENDING. */
  reserve(secret: number, versionId: string): void;
  /** Moves a label. When AWSCURRENT moves, the version it leaves becomes AWSPREVIOUS. */
  moveStage(secret: number, stage: string, versionId: string): void;
  removeStage(secret: number, stage: string): void;
};

type Row = {
  version_id: string;
  string_value: string | null;
  binary_value: string | null;
  created_at: number;
  stages: string;
};

/** How many versions without a label are kept. Source: Secrets Manager guide, "Secret versions". */
const DEPRECATED_KEPT = 100;

const SELECT = `SELECT version_id, string_value, binary_value, created_at,
  (SELECT json_group_array(stage) FROM secrets_stages AS s
   WHERE s.secret = v.secret AND s.version_id = v.version_id) AS stages
  FROM secrets_versions AS v`;

export function createVersions(database: Database, now: Now): Versions {
  const all = database.query<Row, [number]>(`${SELECT} WHERE secret = ? ORDER BY created_at, rowid`);
  const one = database.query<Row, [number, string]>(`${SELECT} WHERE secret = ? AND version_id = ?`);
  const staged = database.query<{ version_id: string }, [number, string]>(
    'SELECT version_id FROM secrets_stages WHERE secret = ? AND stage = ?',
  );
  const upsert = database.query<void, [number, string, string | null, string | null, number]>(
    `INSERT INTO secrets_versions (secret, version_id, string_value, binary_value, created_at)
     VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET string_value = excluded.string_value,
     binary_value = excluded.binary_value`,
  );
  const label = database.query<void, [number, string, string]>(
    `INSERT INTO secrets_stages (secret, stage, version_id) VALUES (?, ?, ?)
     ON CONFLICT DO UPDATE SET version_id = excluded.version_id`,
  );
  const unlabel = database.query<void, [number, string]>(
    'DELETE FROM secrets_stages WHERE secret = ? AND stage = ?',
  );
  const prune = database.query<void, { secret: number; kept: number }>(
    `DELETE FROM secrets_versions WHERE rowid IN (
       SELECT rowid FROM secrets_versions WHERE secret = $secret AND version_id NOT IN
         (SELECT version_id FROM secrets_stages WHERE secret = $secret)
       ORDER BY created_at DESC, rowid DESC LIMIT -1 OFFSET $kept)`,
  );

  const byId = (secret: number, versionId: string): Version | undefined => {
    const row = one.get(secret, versionId);
    return row === null ? undefined : versionOf(row);
  };
  const moveStage = (secret: number, stage: string, versionId: string): void => {
    const from = staged.get(secret, stage)?.version_id;
    if (from === versionId) return;
    if (stage === CURRENT) {
      // The label goes with AWSCURRENT's move, also away from the version that becomes current again.
      unlabel.run(secret, PREVIOUS);
      if (from !== undefined) label.run(secret, PREVIOUS, from);
    }
    label.run(secret, stage, versionId);
  };
  return {
    byId,
    moveStage,
    list: (secret) => all.all(secret).map(versionOf),
    byStage(secret, stage) {
      const versionId = staged.get(secret, stage)?.version_id;
      return versionId === undefined ? undefined : byId(secret, versionId);
    },
    put(secret, versionId, value, stages) {
      const existing = byId(secret, versionId);
      if (existing === undefined || !hasValue(existing)) {
        upsert.run(secret, versionId, value.string, value.binary, now());
      } else if (existing.string === value.string && existing.binary === value.binary) {
        return;
      } else {
        throw alreadyExists(
          `You can't use ClientRequestToken ${versionId} because that value is already in use for a version of this secret.`,
        );
      }
      for (const stage of stages) moveStage(secret, stage, versionId);
      prune.run({ secret, kept: DEPRECATED_KEPT });
    },
    reserve(secret, versionId) {
      upsert.run(secret, versionId, null, null, now());
      moveStage(secret, PENDING, versionId);
    },
    removeStage(secret, stage) {
      unlabel.run(secret, stage);
    },
  };
}

export const hasValue = ({ string, binary }: Value): boolean => string !== null || binary !== null;

function versionOf(row: Row): Version {
  const stages: string[] = JSON.parse(row.stages);
  return {
    versionId: row.version_id,
    string: row.string_value,
    binary: row.binary_value,
    createdAt: row.created_at,
    stages: stages.toSorted(),
  };
}
