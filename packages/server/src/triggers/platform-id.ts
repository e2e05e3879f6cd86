import { type Database } from '../infra/database.js';
import { platform } from '../infra/schema.js';

/** What this database's objects in Temporal are told from another platform's by; made at the first call. */
export function platformId(db: Database): Promise<string> {
  return db.system(async (tx) => {
    await tx.insert(platform).values({}).onConflictDoNothing();
    const [row] = await tx.select().from(platform);
    return row!.id;
  });
}
