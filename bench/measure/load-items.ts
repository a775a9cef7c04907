import { Database } from 'bun:sqlite';
import { join } from 'node:path';
import { toItem } from '../../shared/store/store.ts';
import { openCatalog } from '../../local/aws/dynamodb/catalog.ts';
import { keyOfItem } from '../../local/aws/dynamodb/item-keys.ts';
import { openStore } from '../../local/aws/dynamodb/store.ts';
import { parseItem } from '../../local/aws/dynamodb/values.ts';
import { storeItem } from '../../local/aws/dynamodb/write-item.ts';

const IN_ONE_TRANSACTION = 2_000;
const BUSY_MS = 60_000;

/**
 * Stores many items beside a running local AWS, straight into its file by its own code: a million through the SDK
 * would take longer than everything that is measured on them. Each must be new. `dataDir` is local AWS's.
 */
export async function loadItems(dataDir: string, table: string, items: Iterable<object>): Promise<void> {
  const database = new Database(join(dataDir, 'aws', 'aws.sqlite'), { strict: true });
  try {
    database.run('PRAGMA synchronous = OFF');
    database.run(`PRAGMA busy_timeout = ${BUSY_MS}`);
    const store = openStore(database);
    const target = openCatalog(store).require(table);
    const source = items[Symbol.iterator]();
    for (let done = false; !done;) {
      store.transaction(() => {
        for (let n = 0; n < IN_ONE_TRANSACTION && !done; n += 1) {
          const next = source.next();
          done = next.done === true;
          if (next.done === true) break;
          const item = parseItem(toItem(next.value));
          storeItem(store, target, keyOfItem(target, item), undefined, item);
        }
      });
      // Local AWS must have its turn: it writes, too.
      await Bun.sleep(1);
    }
  } finally {
    database.close();
  }
}
