/**
 * Job: the rows of logs: entries in the order of their arrival, numbered, and bounded.
 *
 * Boundary: every function runs inside the caller's transaction, for one tenant. What entries say is not looked at.
 *
 * Invariants
 * 1. Of one stream the first part and the last part are kept, each within {@link LIMITS}; what an execution said first and
 *    what it said last is there, however much it said in between. A stream of no execution has a last part alone.
 * 2. Numbers ascend by one per entry that arrived, so a gap tells how many were left out.
 * 3. Writers of one stream wait for each other; of several streams, in the order of their ids.
 */
import { LIMITS, LOG_LEVELS, type LogLevel, type RunnerLogEntry } from '@pegasus-workflows/contracts';
import { and, asc, eq, gt, gte, lte, min, or, sql } from 'drizzle-orm';
import { type Tx } from '../infra/database.js';
import { executionLogs, logProducers, logStreams } from '../infra/schema.js';

export type LogRow = typeof executionLogs.$inferSelect;
type StreamRow = typeof logStreams.$inferSelect;

/** One log: an execution's, or what a workflow version's worker said outside of any. */
export interface LogStream {
  tenantId: string;
  streamId: string;
  executionId: string | null;
}

export interface PageOf {
  after: number;
  limit: number;
  level?: LogLevel | undefined;
  step?: string | undefined;
  since?: string | undefined;
}

/** Entries that were left out: up to this number, this many. */
export interface Gap {
  until: number;
  count: number;
}

/** Whether this batch is the producer's next one; false when it has been taken in already. */
export async function advance(
  tx: Tx,
  producer: Pick<typeof logProducers.$inferInsert, 'tenantId' | 'producer' | 'sequence'>,
  now: Date,
): Promise<boolean> {
  const { sequence } = producer;
  const rows = await tx
    .insert(logProducers)
    .values({ ...producer, updatedAt: now })
    .onConflictDoUpdate({
      target: [logProducers.tenantId, logProducers.producer],
      set: { sequence, updatedAt: now },
      setWhere: sql`${logProducers.sequence} < ${sequence}`,
    })
    .returning({ sequence: logProducers.sequence });
  return rows.length > 0;
}

/** Adds entries to a stream and drops what is beyond its bounds. */
export async function append(
  tx: Tx,
  stream: LogStream,
  entries: readonly RunnerLogEntry[],
  now: Date,
): Promise<void> {
  const state = await locked(tx, stream, now);
  const rows: (typeof executionLogs.$inferInsert)[] = [];
  for (const entry of entries) {
    const row = rowOf(stream, entry, ++state.written);
    if (!state.firstFull) {
      const isWithin =
        state.firstUntil < LIMITS.logFirstEntries && state.firstBytes + row.bytes <= LIMITS.logPartBytes;
      if (isWithin) {
        state.firstUntil = row.number;
        state.firstBytes += row.bytes;
      } else state.firstFull = true;
    }
    state.bytes += row.bytes;
    rows.push(row);
  }
  await tx.insert(executionLogs).values(rows);
  if (state.firstFull) state.bytes -= await trim(tx, state);
  const { written, firstUntil, firstBytes, firstFull, bytes } = state;
  await tx
    .update(logStreams)
    .set({ written, firstUntil, firstBytes, firstFull, bytes, updatedAt: now })
    .where(isStream(logStreams, stream));
}

/** Of a stream, ascending. */
export async function page(
  tx: Tx,
  stream: LogStream,
  { after, limit, level, step, since }: PageOf,
): Promise<LogRow[]> {
  const { number, activityType, activityId, at } = executionLogs;
  return tx
    .select()
    .from(executionLogs)
    .where(
      and(
        isStream(executionLogs, stream),
        gt(number, after),
        level && gte(executionLogs.level, LOG_LEVELS.indexOf(level)),
        step === undefined ? undefined : or(eq(activityType, step), eq(activityId, step)),
        since === undefined ? undefined : gte(at, new Date(since)),
      ),
    )
    .orderBy(asc(number))
    .limit(limit);
}

/** Where entries were left out, if any were. */
export async function gapOf(tx: Tx, stream: LogStream): Promise<Gap | undefined> {
  const [state] = await tx
    .select({ firstUntil: logStreams.firstUntil, firstFull: logStreams.firstFull })
    .from(logStreams)
    .where(isStream(logStreams, stream));
  if (!state?.firstFull) return undefined;
  const [last] = await tx
    .select({ first: min(executionLogs.number) })
    .from(executionLogs)
    .where(and(isStream(executionLogs, stream), gt(executionLogs.number, state.firstUntil)));
  const until = Number(last?.first ?? 0) - 1;
  return until > state.firstUntil ? { until, count: until - state.firstUntil } : undefined;
}

/** The stream's row, made if need be, and held until the transaction's end. */
async function locked(tx: Tx, stream: LogStream, now: Date): Promise<StreamRow> {
  const none = {
    written: 0,
    firstUntil: 0,
    firstBytes: 0,
    firstFull: stream.executionId === null,
    bytes: 0,
    updatedAt: now,
  };
  await tx
    .insert(logStreams)
    .values({ ...stream, ...none })
    .onConflictDoNothing();
  const [row] = await tx.select().from(logStreams).where(isStream(logStreams, stream)).for('update');
  return row!;
}

/** Deletes what is beyond the last part; answers how many bytes that was. */
async function trim(tx: Tx, { tenantId, streamId, written, firstUntil }: StreamRow): Promise<number> {
  const last = and(isStream(executionLogs, { tenantId, streamId }), gt(executionLogs.number, firstUntil));
  const { number, bytes } = executionLogs;
  const sums = tx.$with('sums').as(
    tx
      .select({ number, sum: sql<number>`sum(${bytes}) over (order by ${number} desc)`.as('sum') })
      .from(executionLogs)
      .where(last),
  );
  const beyond = sql`(select coalesce(max(${sums.number}), 0) from ${sums} where ${sums.sum} > ${LIMITS.logPartBytes})`;
  const gone = await tx
    .with(sums)
    .delete(executionLogs)
    .where(and(last, lte(number, sql`greatest(${written - LIMITS.logLastEntries}, ${beyond})`)))
    .returning({ bytes });
  return gone.reduce((sum, row) => sum + row.bytes, 0);
}

function isStream(
  table: typeof logStreams | typeof executionLogs,
  { tenantId, streamId }: Pick<LogStream, 'tenantId' | 'streamId'>,
) {
  return and(eq(table.tenantId, tenantId), eq(table.streamId, streamId));
}

function rowOf({ tenantId, streamId }: LogStream, entry: RunnerLogEntry, number: number) {
  const attributes = entry.attributes ?? null;
  const bytes =
    Buffer.byteLength(entry.message) + (attributes ? Buffer.byteLength(JSON.stringify(attributes)) : 0);
  return {
    tenantId,
    streamId,
    number,
    at: new Date(entry.at),
    level: LOG_LEVELS.indexOf(entry.level),
    message: entry.message,
    source: entry.source,
    attributes,
    activityType: entry.activityType ?? null,
    activityId: entry.activityId ?? null,
    attempt: entry.attempt ?? null,
    runId: entry.runId ?? null,
    childWorkflowId: entry.childWorkflowId ?? null,
    truncated: entry.truncated ?? false,
    bytes,
  };
}
