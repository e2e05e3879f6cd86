import { type FindKey, type KeyRow } from '../infra/context.js';
import { type Database } from '../infra/database.js';
import { findKey } from './keys.js';

/**
 * Job: spares the embedded database a transaction per request by remembering the rows of keys in use. There a look-up
 * costs as much as inserting a run does; on PostgreSQL it is cheap, and every request makes it.
 *
 * Boundary: rows by hash. Whether a key works is judged by {@link authenticate}, at every call.
 *
 * Invariants
 * 1. A change of a key's row, its principal's or its tenant's, whoever makes it, is seen by every look-up that begins after the commit.
 * 2. Only keys that exist are remembered, at most {@link CAPACITY}: guessing fills nothing.
 */
const CAPACITY = 10_000;
/** Sent by triggers (migration `access_key_notices`), with the hash. */
const CHANNEL = 'pegasus_key_changed';

/** The look-up of keys for this database. */
export async function keyFinder(db: Database): Promise<FindKey> {
  if (!db.listen) return (hash) => findKey(db, hash);
  const known = new Map<string, KeyRow>();
  /** Counts changes, so that a row read before a change is not remembered after it (invariant 1). */
  let changes = 0;
  await db.listen(CHANNEL, (hash) => {
    changes++;
    known.delete(hash);
  });
  return async (hash) => {
    const remembered = known.get(hash);
    if (remembered) return remembered;
    const before = changes;
    const row = await findKey(db, hash);
    if (row && changes === before) {
      known.set(hash, row);
      if (known.size > CAPACITY) known.delete(known.keys().next().value!);
    }
    return row;
  };
}
