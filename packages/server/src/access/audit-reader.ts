import { idSchema, PegasusError, type AuditEntry, type AuditQuery } from '@pegasus-workflows/contracts';
import { and, desc, eq, gte, isNull, lt, or, type SQL } from 'drizzle-orm';
import { type Principal, type Services } from '../infra/context.js';
import { type Tx } from '../infra/database.js';
import { auditLog, principals } from '../infra/schema.js';

/**
 * Job: reads the audit log, newest first.
 *
 * Boundary: a tenant reads its own entries, confined by row-level security. The platform tenant may read another's,
 * those of no tenant, or all of them.
 */
type AuditRow = typeof auditLog.$inferSelect;

/** One page; `before` is the `seq` of the last entry of the previous one. Throws FORBIDDEN for another tenant's log. */
export async function readAudit(
  { db, audit }: Pick<Services, 'db' | 'audit'>,
  { tenantId: own, isPlatformTenant }: Principal,
  { tenantId = own, ...query }: AuditQuery,
): Promise<AuditEntry[]> {
  if (tenantId !== own && !isPlatformTenant) {
    throw new PegasusError('FORBIDDEN', "Only the platform tenant reads another tenant's audit log.");
  }
  // What was refused a moment ago is to be seen, too.
  await audit.flush();
  if (tenantId === own) return db.tenant(own, (tx) => select(tx, eq(auditLog.tenantId, own), query));
  const whose = {
    all: undefined,
    none: isNull(auditLog.tenantId),
  };
  const where = tenantId === 'all' || tenantId === 'none' ? whose[tenantId] : eq(auditLog.tenantId, tenantId);
  return db.system((tx) => select(tx, where, query));
}

async function select(
  tx: Tx,
  whose: SQL | undefined,
  query: Omit<AuditQuery, 'tenantId'>,
): Promise<AuditEntry[]> {
  const { limit, before, actor, object, operation, outcome, since, until } = query;
  const rows = await tx
    .select({ entry: auditLog, memberName: principals.name })
    .from(auditLog)
    .leftJoin(principals, eq(principals.id, auditLog.principalId))
    .where(
      and(
        whose,
        before === undefined ? undefined : lt(auditLog.seq, before),
        actor === undefined ? undefined : isActor(actor),
        object === undefined ? undefined : isObject(object),
        operation === undefined ? undefined : eq(auditLog.operation, operation),
        outcome === undefined ? undefined : eq(auditLog.outcome, outcome),
        since === undefined ? undefined : gte(auditLog.at, new Date(since)),
        until === undefined ? undefined : lt(auditLog.at, new Date(until)),
      ),
    )
    .orderBy(desc(auditLog.seq))
    .limit(limit);
  return rows.map(({ entry, memberName }) => toEntry(entry, memberName));
}

function isActor(id: string): SQL | undefined {
  return or(eq(auditLog.principalId, id), eq(auditLog.keyId, id), eq(auditLog.executionId, id));
}

/** `api_keys`, `api_keys/<id or name>`, or an id alone. */
function isObject(text: string): SQL | undefined {
  if (idSchema.safeParse(text).success) return eq(auditLog.objectId, text);
  const slash = text.indexOf('/');
  if (slash === -1) return eq(auditLog.objectKind, text);
  const which = text.slice(slash + 1);
  return and(
    eq(auditLog.objectKind, text.slice(0, slash)),
    or(eq(auditLog.objectId, which), eq(auditLog.objectName, which)),
  );
}

function toEntry(row: AuditRow, memberName: string | null): AuditEntry {
  const { seq, tenantId, at, outcome, operation, fields, action, code, method, route, ip } = row;
  return {
    seq,
    tenantId,
    at: at.toISOString(),
    outcome,
    operation,
    actor: {
      kind: row.actorKind,
      memberId: row.principalId,
      memberName,
      keyId: row.keyId,
      executionId: row.executionId,
    },
    object: row.objectKind === null ? null : { kind: row.objectKind, id: row.objectId, name: row.objectName },
    fields,
    action,
    code,
    method,
    route,
    ip,
    correlationId: row.correlationId,
    count: row.count,
  };
}
