import {
  externalAuthSchema,
  idSchema,
  type Connection,
  type ExternalAuth,
} from '@pegasus-workflows/contracts';
import { and, asc, desc, eq, or, sql } from 'drizzle-orm';
import { type Tx } from '../infra/database.js';
import { externalConnections } from '../infra/schema.js';

/** Rows of connections. Every function runs inside the caller's transaction, for one tenant. */

export type ConnectionRow = typeof externalConnections.$inferSelect;

/** Of this id, else of this name. */
export async function findConnection(
  tx: Tx,
  tenantId: string,
  idOrName: string,
): Promise<ConnectionRow | undefined> {
  const { id, name } = externalConnections;
  const isId = idSchema.safeParse(idOrName).success;
  const [row] = await tx
    .select()
    .from(externalConnections)
    .where(
      and(
        eq(externalConnections.tenantId, tenantId),
        isId ? or(eq(id, idOrName), eq(name, idOrName)) : eq(name, idOrName),
      ),
    )
    .orderBy(desc(sql`${id}::text = ${idOrName.toLowerCase()}`))
    .limit(1);
  return row;
}

export function listConnections(tx: Tx, tenantId: string): Promise<ConnectionRow[]> {
  return tx
    .select()
    .from(externalConnections)
    .where(eq(externalConnections.tenantId, tenantId))
    .orderBy(asc(externalConnections.name));
}

export function oneConnection(tenantId: string, id: string) {
  return and(eq(externalConnections.tenantId, tenantId), eq(externalConnections.id, id));
}

/** How a connection proves who calls, as one type per kind. */
export function authOf({ auth, authConfig }: ConnectionRow): ExternalAuth {
  return externalAuthSchema.parse({ auth, authConfig });
}

export function toConnection(row: ConnectionRow): Connection {
  return {
    id: row.id,
    name: row.name,
    baseUrl: row.baseUrl,
    auth: row.auth,
    authConfig: row.authConfig ? { ...row.authConfig } : null,
    timeoutSeconds: row.timeoutSeconds,
    enabled: row.enabled,
    createdByUserId: row.createdByUserId,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}
