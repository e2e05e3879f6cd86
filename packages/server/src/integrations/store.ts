import { type IntegrationVersion } from '@pegasus-workflows/contracts';
import { and, count, desc, eq, inArray, max, or, sql } from 'drizzle-orm';
import { type Tx } from '../infra/database.js';
import { integrationConfigs } from '../infra/schema.js';

/** Rows of integration configurations. Every function runs inside the caller's transaction. */

const table = integrationConfigs;
export type ConfigRow = typeof table.$inferSelect;
export type NewConfigRow = typeof table.$inferInsert;

/** Everything but the parts and the corpus, which may be megabytes. */
const HEAD = {
  id: table.id,
  tenantId: table.tenantId,
  integrationId: table.integrationId,
  version: table.version,
  visibility: table.visibility,
  displayName: table.displayName,
  rolledBackFrom: table.rolledBackFrom,
  forkedFromVersion: table.forkedFromVersion,
  createdByUserId: table.createdByUserId,
  createdAt: table.createdAt,
};
export type ConfigHead = Pick<ConfigRow, keyof typeof HEAD>;

const isGlobal = eq(table.visibility, 'GLOBAL');
/** A tenant sees its own and everybody's GLOBAL ones. Row-level security says the same, once more. */
const visibleTo = (tenantId: string) => or(eq(table.tenantId, tenantId), isGlobal);
const lineage = (tenantId: string, integrationId: string) =>
  and(eq(table.tenantId, tenantId), eq(table.integrationId, integrationId));

/** The version that is in force for a tenant: the newest of its own lineage, else of the GLOBAL one. */
export async function findActive(
  tx: Tx,
  tenantId: string,
  integrationId: string,
): Promise<ConfigHead | undefined> {
  const [head] = await tx
    .select(HEAD)
    .from(table)
    .where(and(eq(table.integrationId, integrationId), visibleTo(tenantId)))
    .orderBy(sql`${table.tenantId} = ${tenantId} desc`, desc(table.version))
    .limit(1);
  return head;
}

/** The newest GLOBAL version. */
export async function findGlobal(tx: Tx, integrationId: string): Promise<ConfigHead | undefined> {
  const [head] = await tx
    .select(HEAD)
    .from(table)
    .where(and(eq(table.integrationId, integrationId), isGlobal))
    .orderBy(desc(table.version))
    .limit(1);
  return head;
}

/** The newest of every lineage that a tenant sees, its own before a GLOBAL one of the same integration. */
export function listHeads(tx: Tx, tenantId: string): Promise<ConfigHead[]> {
  return tx
    .selectDistinctOn([table.integrationId, table.visibility, table.tenantId], HEAD)
    .from(table)
    .where(visibleTo(tenantId))
    .orderBy(table.integrationId, desc(table.visibility), table.tenantId, desc(table.version));
}

/** Newest first. */
export function listVersions(tx: Tx, tenantId: string, integrationId: string): Promise<ConfigHead[]> {
  return tx.select(HEAD).from(table).where(lineage(tenantId, integrationId)).orderBy(desc(table.version));
}

export async function findVersion(
  tx: Tx,
  tenantId: string,
  integrationId: string,
  version: number,
): Promise<ConfigRow | undefined> {
  const [row] = await tx
    .select()
    .from(table)
    .where(and(lineage(tenantId, integrationId), eq(table.version, version)));
  return row;
}

/** All of a version that {@link findActive} has found; `undefined` when its lineage has been dropped since. */
export async function findBody(tx: Tx, id: string): Promise<ConfigRow | undefined> {
  const [row] = await tx.select().from(table).where(eq(table.id, id));
  return row;
}

/** What runs on a version needs, which is not its corpus. */
export async function findParts(
  tx: Tx,
  id: string,
): Promise<Pick<ConfigRow, 'parts' | 'baseFloor'> | undefined> {
  const [row] = await tx
    .select({ parts: table.parts, baseFloor: table.baseFloor })
    .from(table)
    .where(eq(table.id, id));
  return row;
}

/** The newest version of a lineage, which stays that until the transaction ends; 0 when there is none. */
export async function lockLineage(tx: Tx, tenantId: string, integrationId: string): Promise<number> {
  await tx.execute(
    sql`select pg_advisory_xact_lock(hashtextextended(${`integration/${tenantId}/${integrationId}`}, 0))`,
  );
  const [row] = await tx
    .select({ newest: max(table.version) })
    .from(table)
    .where(lineage(tenantId, integrationId));
  return row?.newest ?? 0;
}

export async function insertVersion(tx: Tx, row: NewConfigRow): Promise<ConfigHead> {
  const [inserted] = await tx.insert(table).values(row).returning(HEAD);
  return inserted!;
}

/** What versions declare to need, by their ids. */
export async function listRequirements(
  tx: Tx,
  ids: readonly string[],
): Promise<Map<string, { secrets: unknown; configs: unknown }>> {
  const rows = await tx
    .select({
      id: table.id,
      secrets: sql<unknown>`${table.parts}::jsonb -> 'requiredSecrets'`,
      configs: sql<unknown>`${table.parts}::jsonb -> 'requiredConfigs'`,
    })
    .from(table)
    .where(inArray(table.id, [...ids]));
  return new Map(rows.map(({ id, ...wanted }) => [id, wanted]));
}

/** How many versions there were. */
export async function deleteLineage(tx: Tx, tenantId: string, integrationId: string): Promise<number> {
  const deleted = await tx.delete(table).where(lineage(tenantId, integrationId)).returning({ id: table.id });
  return deleted.length;
}

/** Tenants that have a lineage of their own. For `db.system` alone. */
export async function countOverlays(tx: Tx, integrationId: string): Promise<number> {
  const [row] = await tx
    .select({ tenants: count(sql`distinct ${table.tenantId}`) })
    .from(table)
    .where(and(eq(table.integrationId, integrationId), eq(table.visibility, 'TENANT')));
  return row?.tenants ?? 0;
}

export function toVersion(head: ConfigHead, active: boolean): IntegrationVersion {
  const { tenantId: _internal, createdAt, ...seen } = head;
  return { ...seen, active, createdAt: createdAt.toISOString() };
}
