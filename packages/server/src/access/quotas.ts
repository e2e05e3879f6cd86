import { type QuotaUse } from '@pegasus-workflows/contracts';
import { and, count, eq, gte, inArray } from 'drizzle-orm';
import { type Principal, type Services } from '../infra/context.js';
import { executions, tenants } from '../infra/schema.js';
import { BURST_SECONDS } from '../executions/admission.js';
import { storageUse, totalOf } from './storage-quota.js';

const DAY_MS = 86_400_000;

const startRate = (limit: number) => ({ limit, burst: limit * BURST_SECONDS });

/** The caller's limits, and what the database says is used of each. */
export async function quotaUse(
  { db, clock, settings }: Pick<Services, 'db' | 'clock' | 'settings'>,
  { tenantId }: Pick<Principal, 'tenantId'>,
): Promise<QuotaUse> {
  const now = clock().getTime();
  const midnight = new Date(now - (now % DAY_MS));
  return db.tenant(tenantId, async (tx) => {
    const [tenant] = await tx.select().from(tenants).where(eq(tenants.id, tenantId));
    const own = eq(executions.tenantId, tenantId);
    const [open] = await tx
      .select({ n: count() })
      .from(executions)
      .where(and(own, inArray(executions.status, ['QUEUED', 'RUNNING'])));
    const [today] = await tx
      .select({ n: count() })
      .from(executions)
      .where(and(own, gte(executions.createdAt, midnight)));
    const storage = await storageUse(tx, tenantId);
    return {
      openExecutions: {
        limit: tenant?.maxOpenExecutions ?? settings.maxOpenExecutions,
        used: open?.n ?? 0,
      },
      executionsToday: {
        limit: tenant?.maxExecutionsPerDay ?? settings.maxExecutionsPerDay,
        used: today?.n ?? 0,
        resetsAt: new Date(midnight.getTime() + DAY_MS).toISOString(),
      },
      startsPerSecond: startRate(tenant?.maxStartsPerSecond ?? settings.maxStartsPerSecond),
      payloadBytes: { limit: tenant?.maxPayloadBytes ?? null },
      storageBytes: { limit: tenant?.maxStorageBytes ?? null, used: totalOf(storage), ...storage },
    };
  });
}
