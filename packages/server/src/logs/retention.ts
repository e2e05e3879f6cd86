/**
 * Job: deletes logs that are older than they are kept, and the oldest of a tenant that has more than it may.
 *
 * Boundary: whole logs, never single entries; an execution's row stays. Runs beside everything else, on any number of
 * servers; what one pass leaves, the next one takes.
 */
import { and, asc, desc, eq, inArray, lt, sql } from 'drizzle-orm';
import { type Database, type Tx } from '../infra/database.js';
import { logProducers, logStreams } from '../infra/schema.js';

export interface Retention {
  days: number;
  /** Of all logs of one tenant. */
  tenantBytes: number;
}

const DAY_MS = 86_400_000;
/** A transaction that deletes more would hold the embedded database for too long. */
const AT_ONCE = 100;

/** One pass; answers how many logs it deleted. */
export async function expireLogs(
  db: Database,
  { days, tenantBytes }: Retention,
  now: Date,
  signal: AbortSignal = new AbortController().signal,
): Promise<number> {
  const limit = new Date(now.getTime() - days * DAY_MS);
  let deleted = 0;
  await db.system((tx) => tx.delete(logProducers).where(lt(logProducers.updatedAt, limit)));
  for (let n = AT_ONCE; n === AT_ONCE && !signal.aborted; deleted += n)
    n = await db.system((tx) => deleteOlder(tx, limit));
  const { tenantId, bytes } = logStreams;
  const over = await db.system((tx) =>
    tx
      .select({ tenantId })
      .from(logStreams)
      .groupBy(tenantId)
      .having(sql`sum(${bytes}) > ${tenantBytes}`),
  );
  for (const tenant of over) {
    for (let n = AT_ONCE; n === AT_ONCE && !signal.aborted; deleted += n)
      n = await db.system((tx) => deleteBeyond(tx, tenant.tenantId, tenantBytes));
  }
  return deleted;
}

async function deleteOlder(tx: Tx, limit: Date): Promise<number> {
  const { tenantId, streamId, updatedAt } = logStreams;
  const old = tx
    .select({ tenantId, streamId })
    .from(logStreams)
    .where(lt(updatedAt, limit))
    .orderBy(asc(updatedAt))
    .limit(AT_ONCE);
  const gone = await tx
    .delete(logStreams)
    .where(sql`(${tenantId}, ${streamId}) in ${old}`)
    .returning({ streamId });
  return gone.length;
}

/** The newest logs that fit stay. */
async function deleteBeyond(tx: Tx, tenant: string, tenantBytes: number): Promise<number> {
  const { tenantId, streamId, updatedAt, bytes } = logStreams;
  const sums = tx
    .select({
      streamId,
      updatedAt,
      sum: sql<number>`sum(${bytes}) over (order by ${updatedAt} desc, ${streamId})`.as('sum'),
    })
    .from(logStreams)
    .where(eq(tenantId, tenant))
    .orderBy(desc(updatedAt))
    .as('sums');
  const beyond = tx
    .select({ streamId: sums.streamId })
    .from(sums)
    .where(sql`${sums.sum} > ${tenantBytes}`)
    .orderBy(asc(sums.updatedAt))
    .limit(AT_ONCE);
  const gone = await tx
    .delete(logStreams)
    .where(and(eq(tenantId, tenant), inArray(streamId, beyond)))
    .returning({ streamId });
  return gone.length;
}
