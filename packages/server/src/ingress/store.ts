import { type Ingress } from '@pegasus-workflows/contracts';
import { and, asc, eq } from 'drizzle-orm';
import { type Tx } from '../infra/database.js';
import { integrationIngress } from '../infra/schema.js';

export type IngressRow = typeof integrationIngress.$inferSelect;

/** Where a partner's calls come in; the id is all it names. */
export const RECEIVE_PATH = '/ingress/:ingressId';

export async function findIngress(
  tx: Tx,
  tenantId: string,
  integrationId: string,
): Promise<IngressRow | undefined> {
  const [row] = await tx.select().from(integrationIngress).where(ofIntegration(tenantId, integrationId));
  return row;
}

/** The same, held until the transaction ends: what is read is what is changed. */
export async function lockIngress(
  tx: Tx,
  tenantId: string,
  integrationId: string,
): Promise<IngressRow | undefined> {
  const [row] = await tx
    .select()
    .from(integrationIngress)
    .where(ofIntegration(tenantId, integrationId))
    .for('update');
  return row;
}

export async function listIngress(tx: Tx, tenantId: string): Promise<IngressRow[]> {
  return tx
    .select()
    .from(integrationIngress)
    .where(eq(integrationIngress.tenantId, tenantId))
    .orderBy(asc(integrationIngress.integrationId));
}

export function ofIntegration(tenantId: string, integrationId: string) {
  return and(eq(integrationIngress.tenantId, tenantId), eq(integrationIngress.integrationId, integrationId));
}

/** A row as the wire shows it: without its secrets. */
export function toIngress(row: IngressRow, publicUrl: string, now: Date): Ingress {
  const overlaps = row.previousExpiresAt !== null && row.previousExpiresAt > now;
  return {
    id: row.id,
    integrationId: row.integrationId,
    url: `${publicUrl}${RECEIVE_PATH.replace(':ingressId', row.id)}`,
    auth: row.auth,
    secretPrefix: row.secretPrefix,
    previousSecretExpiresAt: overlaps ? row.previousExpiresAt!.toISOString() : null,
    signature: row.signature,
    eventType: row.eventType,
    dedupPath: row.dedupPath,
    keepHeaders: row.keepHeaders,
    acknowledgement: row.acknowledgement,
    enabled: row.enabled,
    lastReceivedAt: row.lastReceivedAt?.toISOString() ?? null,
    createdByUserId: row.createdByUserId,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}
