import type { Database } from 'bun:sqlite';

/**
 * One commit for all calls of a turn of the event loop. Waiting for the disk is most of what a small write costs,
 * and one wait serves all. A call joins before it works; its own transaction is then a savepoint in the group's.
 * No answer may leave before `durable()`: it may tell of a write, its own or another call's, that is not on the
 * disk yet.
 */
export type GroupCommit = {
  join(): void;
  /** Resolves when all that was written so far is on the disk. Throws what SQLite throws when it cannot be. */
  durable(): Promise<void>;
  /** Commits what is open, for the end of the process. */
  flush(): void;
};

export function createGroupCommit(database: Database): GroupCommit {
  const begin = database.query('BEGIN IMMEDIATE');
  const commit = database.query('COMMIT');
  let group: PromiseWithResolvers<void> | undefined;

  const flush = (): void => {
    const ended = group;
    if (ended === undefined) return;
    group = undefined;
    try {
      commit.run();
      ended.resolve();
    } catch (error) {
      // A full disk makes SQLite roll back by itself.
      if (database.inTransaction) database.run('ROLLBACK');
      ended.reject(error);
    }
  };

  return {
    join() {
      if (group !== undefined) return;
      begin.run();
      group = Promise.withResolvers();
      // Each answer hears of it in durable(); with none waiting it is no error of the process.
      group.promise.catch(() => undefined);
      setImmediate(flush);
    },
    durable: () => group?.promise ?? Promise.resolve(),
    flush,
  };
}
