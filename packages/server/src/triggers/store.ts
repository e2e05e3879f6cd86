import { BUILT_IN_EVENT_TYPES, builtInEventType, PegasusError } from '@pegasus-workflows/contracts';
import { and, asc, eq, inArray, ne, sql } from 'drizzle-orm';
import { type Tx } from '../infra/database.js';
import { eventTypes, executions, triggers, triggerTicks, workflows } from '../infra/schema.js';
import { refuseUnlessOwn } from '../executions/runnable.js';
import { requireVisible, type WorkflowRow } from '../workflows/store.js';
import { type TickRow, type TriggerRow } from './row.js';

/** Rows of triggers. Every function runs inside the caller's transaction, which is confined to the tenant. */

/** Where a trigger is: in a tenant, at a workflow version. */
export interface Place {
  tenantId: string;
  workflowId: string;
}

/**
 * The version, which stays unretired until the transaction ends. Throws NOT_FOUND, WORKFLOW_MUST_FORK, and CONFLICT
 * when it is retired.
 */
export async function lockOwnWorkflow(tx: Tx, { tenantId, workflowId }: Place): Promise<WorkflowRow> {
  const seen = await requireVisible(tx, tenantId, workflowId);
  const [locked] = await tx.select().from(workflows).where(eq(workflows.id, workflowId)).for('share');
  const row = locked ?? seen;
  refuseUnlessOwn(tenantId, { ...row, retired: row.retiredAt !== null });
  return row;
}

function at({ tenantId, workflowId }: Place) {
  return and(eq(triggers.tenantId, tenantId), eq(triggers.workflowId, workflowId));
}

/** A version's triggers, oldest first. */
export async function listTriggers(
  tx: Tx,
  place: Place,
): Promise<{ row: TriggerRow; tick: TickRow | null }[]> {
  return tx
    .select({ row: triggers, tick: triggerTicks })
    .from(triggers)
    .leftJoin(triggerTicks, eq(triggerTicks.triggerId, triggers.id))
    .where(at(place))
    .orderBy(asc(triggers.createdAt), asc(triggers.id));
}

/** Throws NOT_FOUND, for another tenant's and another version's too. */
export async function requireTrigger(
  tx: Tx,
  place: Place,
  triggerId: string,
): Promise<{ row: TriggerRow; tick: TickRow | null }> {
  const [found] = await tx
    .select({ row: triggers, tick: triggerTicks })
    .from(triggers)
    .leftJoin(triggerTicks, eq(triggerTicks.triggerId, triggers.id))
    .where(and(at(place), eq(triggers.id, triggerId)));
  if (!found) throw new PegasusError('NOT_FOUND', 'There is no trigger with this id at this workflow.');
  return found;
}

/** The trigger as it is, and stays until the transaction ends; `undefined` when it is gone. */
export async function lockTrigger(
  tx: Tx,
  tenantId: string,
  triggerId: string,
): Promise<TriggerRow | undefined> {
  const [row] = await tx
    .select()
    .from(triggers)
    .where(and(eq(triggers.tenantId, tenantId), eq(triggers.id, triggerId)))
    .for('update');
  return row;
}

/** Throws VALIDATION_ERROR when the tenant has no such type of events. */
export async function refuseUnknownEventType(tx: Tx, tenantId: string, name: string): Promise<void> {
  if (builtInEventType(name)) return;
  const [own] = await tx
    .select({ id: eventTypes.id })
    .from(eventTypes)
    .where(and(eq(eventTypes.tenantId, tenantId), eq(eventTypes.name, name)));
  if (own) return;
  const builtIn = BUILT_IN_EVENT_TYPES.map((type) => type.name).join(', ');
  throw new PegasusError(
    'VALIDATION_ERROR',
    `eventType: there is no type ${JSON.stringify(name)}; create it, or use a built-in one: ${builtIn}.`,
  );
}

/** Moves the triggers of other versions to `to`; answers the moved ones. `from` undefined: of every version of its name. */
export async function moveTriggers(tx: Tx, to: WorkflowRow, from: string | undefined): Promise<TriggerRow[]> {
  const sources = await tx
    .select({ id: workflows.id })
    .from(workflows)
    .where(
      and(
        eq(workflows.tenantId, to.tenantId),
        eq(workflows.name, to.name),
        ne(workflows.id, to.id),
        from === undefined ? undefined : eq(workflows.id, from),
      ),
    );
  if (from !== undefined && sources.length === 0) {
    throw new PegasusError(
      'VALIDATION_ERROR',
      `fromWorkflowId: is not another version of ${to.name} in this tenant; give the id of one.`,
    );
  }
  const ids = sources.map(({ id }) => id);
  return tx
    .update(triggers)
    .set({ workflowId: to.id, updatedAt: sql`now()` })
    .where(and(eq(triggers.tenantId, to.tenantId), inArray(triggers.workflowId, ids)))
    .returning();
}

/** Ids and Temporal ids of a trigger's open runs. */
export function openRuns(tx: Tx, { tenantId, id }: Pick<TriggerRow, 'tenantId' | 'id'>) {
  return tx
    .select({
      id: executions.id,
      status: executions.status,
      temporalWorkflowId: executions.temporalWorkflowId,
    })
    .from(executions)
    .where(
      and(
        eq(executions.tenantId, tenantId),
        eq(executions.triggeredByTriggerId, id),
        inArray(executions.status, ['QUEUED', 'RUNNING']),
      ),
    );
}

/** Keeps the tick unless a later one is kept already. */
export async function keepTick(tx: Tx, tick: TickRow): Promise<void> {
  const { scheduledAt, outcome, executionId } = tick;
  await tx
    .insert(triggerTicks)
    .values(tick)
    .onConflictDoUpdate({
      target: triggerTicks.triggerId,
      set: { scheduledAt, outcome, executionId },
      setWhere: sql`${triggerTicks.scheduledAt} <= excluded.scheduled_at`,
    });
}
