import { type Projection } from '@pegasus-workflows/contracts';
import { and, asc, eq, gt, inArray, sql } from 'drizzle-orm';
import { refuseOverStorage } from '../access/storage-quota.js';
import { type Tx } from '../infra/database.js';
import { integrationProjections } from '../infra/schema.js';

/** Rows of projections. Every function runs inside the caller's transaction, for one tenant. */

export type ProjectionRow = typeof integrationProjections.$inferSelect;

/** The entities of one type that an integration keeps. */
export interface Collection {
  integrationId: string;
  entityType: string;
}
export interface Place extends Collection {
  entityKey: string;
}

const table = integrationProjections;
const inCollection = ({ integrationId, entityType }: Collection) =>
  and(eq(table.integrationId, integrationId), eq(table.entityType, entityType));
const at = (place: Place) => and(inCollection(place), eq(table.entityKey, place.entityKey));

export async function findProjection(tx: Tx, place: Place): Promise<ProjectionRow | undefined> {
  const [row] = await tx.select().from(table).where(at(place));
  return row;
}

/** Its version, which stays what it is until the transaction ends. */
export async function lockVersion(tx: Tx, place: Place): Promise<number | undefined> {
  const [row] = await tx.select({ version: table.version }).from(table).where(at(place)).for('update');
  return row?.version;
}

/** `undefined`, and nothing changed, when there is one. */
export async function insertProjection(
  tx: Tx,
  row: typeof integrationProjections.$inferInsert,
): Promise<ProjectionRow | undefined> {
  const values = { ...row, state: jsonOf(row.state) };
  const [inserted] = await tx.insert(table).values(values).onConflictDoNothing().returning();
  if (inserted) await refuseOverStorage(tx, inserted.tenantId);
  return inserted;
}

/** One version more. The row must be there: see {@link lockVersion}. */
export async function replaceState(
  tx: Tx,
  place: Place,
  change: { state: unknown; updatedByUserId: string | null; updatedAt: Date },
): Promise<ProjectionRow> {
  const [replaced] = await tx
    .update(table)
    .set({ ...change, state: jsonOf(change.state), version: sql`${table.version} + 1` })
    .where(at(place))
    .returning();
  await refuseOverStorage(tx, replaced!.tenantId);
  return replaced!;
}

/** As a parameter of its own, because the query builder would take JSON's null for the database's. */
function jsonOf(state: unknown) {
  return sql`${JSON.stringify(state)}::jsonb`;
}

export async function deleteProjection(tx: Tx, place: Place): Promise<void> {
  await tx.delete(table).where(at(place));
}

/** The first keys after one, in order, each with the bytes of its state as the database writes it. */
export function keysAfter(
  tx: Tx,
  collection: Collection,
  after: string | undefined,
  limit: number,
): Promise<{ entityKey: string; bytes: number }[]> {
  const beyond = after === undefined ? undefined : gt(table.entityKey, after);
  return tx
    .select({ entityKey: table.entityKey, bytes: sql<number>`octet_length(${table.state}::text)` })
    .from(table)
    .where(and(inCollection(collection), beyond))
    .orderBy(asc(table.entityKey))
    .limit(limit);
}

/** Those that are there, in the order of their keys. */
export function findProjections(
  tx: Tx,
  collection: Collection,
  keys: readonly string[],
): Promise<ProjectionRow[]> {
  return tx
    .select()
    .from(table)
    .where(and(inCollection(collection), inArray(table.entityKey, [...keys])))
    .orderBy(asc(table.entityKey));
}

export function toProjection(row: ProjectionRow): Projection {
  const { id, integrationId, entityType, entityKey, state, version, updatedByUserId } = row;
  return {
    id,
    integrationId,
    entityType,
    entityKey,
    state,
    version,
    updatedByUserId,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}
