import { and, asc, eq, getTableColumns, sql } from 'drizzle-orm';
import { refuseOverStorage } from '../access/storage-quota.js';
import { type Tx } from '../infra/database.js';
import { storedValues } from '../infra/schema.js';

/** Rows of secrets and configuration values. Every function runs inside the caller's transaction, for one tenant. */

export type StoredValueRow = typeof storedValues.$inferSelect;
export type Kind = StoredValueRow['kind'];

/** What names a value within its tenant. */
export interface ValueName {
  kind: Kind;
  group: string;
  key: string;
}

function named({ kind, group, key }: ValueName) {
  return and(eq(storedValues.kind, kind), eq(storedValues.group, group), eq(storedValues.key, key));
}

/** Inserts a value; `undefined`, and nothing changed, when its name is taken. Throws STORAGE_QUOTA_EXCEEDED. */
export async function insertValue(
  tx: Tx,
  row: typeof storedValues.$inferInsert,
): Promise<StoredValueRow | undefined> {
  const [inserted] = await tx.insert(storedValues).values(row).onConflictDoNothing().returning();
  if (inserted) await refuseOverStorage(tx, inserted.tenantId);
  return inserted;
}

/** Inserts or replaces a configuration value, in one statement; `isNew` tells which. A description that is not given stays. Throws STORAGE_QUOTA_EXCEEDED. */
export async function upsertConfig(
  tx: Tx,
  row: typeof storedValues.$inferInsert & { description?: string | null | undefined },
  now: Date,
): Promise<{ row: StoredValueRow; isNew: boolean }> {
  const { tenantId, kind, group, key } = storedValues;
  const [written] = await tx
    .insert(storedValues)
    .values({ ...row, createdAt: now, updatedAt: now })
    .onConflictDoUpdate({
      target: [tenantId, kind, group, key],
      set: {
        value: row.value,
        updatedAt: now,
        ...(row.description === undefined ? {} : { description: row.description }),
      },
    })
    .returning({ ...getTableColumns(storedValues), isNew: sql<boolean>`xmax = 0` });
  await refuseOverStorage(tx, written!.tenantId);
  const { isNew, ...present } = written!;
  return { row: present, isNew };
}

/** Whether there was one. */
export async function deleteValue(tx: Tx, name: ValueName): Promise<boolean> {
  const rows = await tx.delete(storedValues).where(named(name)).returning({ id: storedValues.id });
  return rows.length > 0;
}

export async function findValue(tx: Tx, name: ValueName): Promise<StoredValueRow | undefined> {
  const [row] = await tx.select().from(storedValues).where(named(name));
  return row;
}

/** By group, then key. */
export function listValues(tx: Tx, kind: Kind, group: string | undefined): Promise<StoredValueRow[]> {
  return tx
    .select()
    .from(storedValues)
    .where(and(eq(storedValues.kind, kind), group === undefined ? undefined : eq(storedValues.group, group)))
    .orderBy(asc(storedValues.group), asc(storedValues.key));
}

/** The names of all that is stored, without the values. */
export function listNames(tx: Tx): Promise<ValueName[]> {
  const { kind, group, key } = storedValues;
  return tx.select({ kind, group, key }).from(storedValues);
}
