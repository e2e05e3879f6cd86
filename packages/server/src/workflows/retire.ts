import { idSchema, PegasusError } from '@pegasus-workflows/contracts';
import { failpoint } from '@pegasus-workflows/kit';
import { type OpenAPIHono } from '@hono/zod-openapi';
import { and, count, eq, inArray } from 'drizzle-orm';
import { z } from 'zod';
import { type AppEnv, type Principal } from '../infra/context.js';
import { type Database } from '../infra/database.js';
import { addRoute } from '../infra/http.js';
import { executions, triggers, workflows } from '../infra/schema.js';
import { requireVisible } from './store.js';

export interface RetireParts {
  db: Database;
  clock: () => Date;
  /** Called after the commit, with the triggers that are gone. */
  onRetired: (tenantId: string, workflowId: string, triggerIds: readonly string[]) => void;
}

/**
 * Retires a version: it starts nothing any more, has no triggers and shows in no list; its executions stay, and its
 * name@version stays taken. One transaction. Retiring it again does nothing. `force` leaves open executions to end by
 * themselves. Throws NOT_FOUND, FORBIDDEN for the platform's own, and CONFLICT while executions are open.
 */
export async function retireWorkflow(
  { db, clock, onRetired }: RetireParts,
  { tenantId }: Pick<Principal, 'tenantId'>,
  workflowId: string,
  force: boolean,
): Promise<void> {
  const triggerIds = await db.tenant(tenantId, async (tx) => {
    const seen = await requireVisible(tx, tenantId, workflowId);
    if (seen.tenantId !== tenantId) {
      throw new PegasusError(
        'FORBIDDEN',
        'This workflow is shared by the platform; only its operator retires it.',
      );
    }
    const [row] = await tx.select().from(workflows).where(eq(workflows.id, workflowId)).for('update');
    if (!row || row.retiredAt) return [];
    const [open] = await tx
      .select({ n: count() })
      .from(executions)
      .where(
        and(
          eq(executions.tenantId, tenantId),
          eq(executions.workflowId, workflowId),
          inArray(executions.status, ['QUEUED', 'RUNNING']),
        ),
      );
    if (open!.n > 0 && !force) {
      throw new PegasusError(
        'CONFLICT',
        `${open!.n} executions of ${row.name}@${row.version} are open; wait until they have ended, cancel them, or retire it with force=true and let them end.`,
      );
    }
    const gone = await tx
      .delete(triggers)
      .where(and(eq(triggers.tenantId, tenantId), eq(triggers.workflowId, workflowId)))
      .returning({ id: triggers.id });
    await tx
      .update(workflows)
      .set({ retiredAt: clock(), updatedAt: clock() })
      .where(eq(workflows.id, workflowId));
    return gone.map(({ id }) => id);
  });
  failpoint('retire.after-commit');
  onRetired(tenantId, workflowId, triggerIds);
}

export function registerRetire(app: OpenAPIHono<AppEnv>, parts: RetireParts): void {
  addRoute(
    app,
    {
      method: 'delete',
      path: '/api/v1/workflows/:id',
      action: 'RetireWorkflow',
      summary: 'Retire a version: it starts nothing any more; its executions stay',
      request: {
        params: z.object({ id: idSchema }),
        query: z.strictObject({ force: z.enum(['true', 'false']).optional() }),
      },
      errors: ['CONFLICT'],
      responses: { 204: { description: 'Retired' } },
    },
    async ({ c, principal, params, query }) => {
      await retireWorkflow(parts, principal, params.id, query.force === 'true');
      return c.body(null, 204);
    },
  );
}
