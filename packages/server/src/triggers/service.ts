import {
  PegasusError,
  type Backfill,
  type BackfillRequest,
  type CreateTriggerRequest,
  type Execution,
  type Trigger,
  type UpdateTriggerRequest,
} from '@pegasus-workflows/contracts';
import { failpoint } from '@pegasus-workflows/kit';
import { eq, sql } from 'drizzle-orm';
import { type ExecutionEngine } from '../executions/engine.js';
import { type Principal } from '../infra/context.js';
import { type Database, type Tx } from '../infra/database.js';
import { triggers } from '../infra/schema.js';
import { requireVisible } from '../workflows/store.js';
import { backfill } from './backfill.js';
import { type Firing } from './firing.js';
import { toTrigger, type TriggerRow } from './row.js';
import { type Schedules } from './schedules.js';
import {
  listTriggers,
  lockOwnWorkflow,
  lockTrigger,
  moveTriggers,
  refuseUnknownEventType,
  requireTrigger,
  type Place,
} from './store.js';

/**
 * Job: what a caller can do with a workflow version's triggers.
 *
 * Boundary: every method acts for one tenant. It writes rows; Temporal's schedules follow them (`schedules.ts`).
 *
 * Invariants
 * 1. A trigger belongs to a version of its own tenant that is not retired.
 * 2. The row is committed before Temporal hears of it; a crash in between is mended by the schedules' passes.
 */
export interface TriggerServiceParts {
  db: Database;
  engine: ExecutionEngine;
  schedules: Schedules;
  firing: Firing;
  workflowsEnabled: boolean;
  clock: () => Date;
}

type Caller = Pick<Principal, 'tenantId' | 'principalId'>;

export class TriggerService {
  readonly #parts: TriggerServiceParts;

  constructor(parts: TriggerServiceParts) {
    this.#parts = parts;
  }

  /** Throws NOT_FOUND, WORKFLOW_MUST_FORK, CONFLICT (retired), VALIDATION_ERROR (unknown type of events). */
  async create(caller: Caller, workflowId: string, request: CreateTriggerRequest): Promise<Trigger> {
    const { tenantId, principalId } = caller;
    const row = await this.#parts.db.tenant(tenantId, async (tx) => {
      await lockOwnWorkflow(tx, { tenantId, workflowId });
      if (request.eventType !== undefined) await refuseUnknownEventType(tx, tenantId, request.eventType);
      const [inserted] = await tx
        .insert(triggers)
        .values({ ...request, tenantId, workflowId, createdByUserId: principalId })
        .returning();
      return inserted!;
    });
    return this.#changed(row);
  }

  /** Oldest first. Throws NOT_FOUND. */
  async list({ tenantId }: Caller, workflowId: string): Promise<Trigger[]> {
    const { db, clock } = this.#parts;
    const found = await db.tenant(tenantId, async (tx) => {
      await requireVisible(tx, tenantId, workflowId);
      return listTriggers(tx, { tenantId, workflowId });
    });
    return found.map(({ row, tick }) => toTrigger(row, tick, clock()));
  }

  /** Throws NOT_FOUND. */
  async get({ tenantId }: Caller, workflowId: string, triggerId: string): Promise<Trigger> {
    const { db, clock } = this.#parts;
    const { row, tick } = await db.tenant(tenantId, (tx) =>
      requireTrigger(tx, { tenantId, workflowId }, triggerId),
    );
    return toTrigger(row, tick, clock());
  }

  /** Throws NOT_FOUND, and VALIDATION_ERROR for a field of the other kind or an unknown type of events. */
  async update(
    { tenantId }: Caller,
    workflowId: string,
    triggerId: string,
    request: UpdateTriggerRequest,
  ): Promise<Trigger> {
    return this.#change({ tenantId, workflowId }, triggerId, async (tx, { kind }) => {
      refuseOtherKind(kind, request);
      if (request.eventType !== undefined) await refuseUnknownEventType(tx, tenantId, request.eventType);
      return request;
    });
  }

  /** Pauses or resumes a schedule; a note replaces the one before. Throws NOT_FOUND, VALIDATION_ERROR. */
  async setEnabled(
    { tenantId }: Caller,
    workflowId: string,
    triggerId: string,
    enabled: boolean,
    note: string | undefined,
  ): Promise<Trigger> {
    return this.#change({ tenantId, workflowId }, triggerId, (_tx, { kind }) => {
      refuseUnlessSchedule(kind);
      return { enabled, note: note ?? null };
    });
  }

  /** Throws NOT_FOUND. */
  async delete({ tenantId }: Caller, workflowId: string, triggerId: string): Promise<void> {
    const { db, schedules } = this.#parts;
    await db.tenant(tenantId, async (tx) => {
      await requireTrigger(tx, { tenantId, workflowId }, triggerId);
      await tx.delete(triggers).where(eq(triggers.id, triggerId));
    });
    failpoint('trigger.after-commit');
    schedules.changed(tenantId, triggerId);
  }

  /** Starts a schedule's run now. Throws NOT_FOUND, VALIDATION_ERROR, CONFLICT (a run is open), and what `run` throws. */
  async run(caller: Caller, workflowId: string, triggerId: string): Promise<Execution> {
    const { tenantId } = caller;
    const { db, clock, firing, engine } = this.#parts;
    const { row } = await db.tenant(tenantId, (tx) =>
      requireTrigger(tx, { tenantId, workflowId }, triggerId),
    );
    refuseUnlessSchedule(row.kind);
    const { executionId } = await firing.decide({ tenantId, triggerId, scheduledAt: clock(), byHand: true });
    if (executionId === null) {
      throw new PegasusError(
        'CONFLICT',
        'A prior run of this trigger is still open; wait until it has ended, or cancel it.',
      );
    }
    return engine.service.get(caller, workflowId, executionId);
  }

  /** See {@link backfill}. */
  backfill({ tenantId }: Caller, workflowId: string, triggerId: string, request: BackfillRequest) {
    return backfill(this.#parts, { tenantId, workflowId }, triggerId, request) satisfies Promise<Backfill>;
  }

  /**
   * Moves the triggers of other versions of the same name to this one, all at once. Throws NOT_FOUND, WORKFLOW_MUST_FORK,
   * CONFLICT (retired), VALIDATION_ERROR when `fromWorkflowId` is no such version.
   */
  async takeOver(
    { tenantId }: Caller,
    workflowId: string,
    fromWorkflowId: string | undefined,
  ): Promise<Trigger[]> {
    const { db, clock } = this.#parts;
    // Temporal's schedules name the trigger alone: they need no change.
    const moved = await db.tenant(tenantId, async (tx) =>
      moveTriggers(tx, await lockOwnWorkflow(tx, { tenantId, workflowId }), fromWorkflowId),
    );
    return moved.map((row) => toTrigger(row, null, clock()));
  }

  async #change(
    place: Place,
    triggerId: string,
    changes: (
      tx: Tx,
      row: TriggerRow,
    ) => Promise<Partial<TriggerRow> | UpdateTriggerRequest> | Partial<TriggerRow>,
  ): Promise<Trigger> {
    const row = await this.#parts.db.tenant(place.tenantId, async (tx) => {
      await requireTrigger(tx, place, triggerId);
      const locked = await lockTrigger(tx, place.tenantId, triggerId);
      if (!locked) throw new PegasusError('NOT_FOUND', 'There is no trigger with this id at this workflow.');
      const [updated] = await tx
        .update(triggers)
        .set({ ...(await changes(tx, locked)), updatedAt: sql`now()` })
        .where(eq(triggers.id, triggerId))
        .returning();
      return updated!;
    });
    this.#changed(row);
    return this.get({ tenantId: row.tenantId, principalId: '' }, row.workflowId, row.id);
  }

  /** Invariant 2. */
  #changed(row: TriggerRow): Trigger {
    failpoint('trigger.after-commit');
    if (row.kind === 'SCHEDULE') this.#parts.schedules.changed(row.tenantId, row.id);
    return toTrigger(row, null, this.#parts.clock());
  }
}

function refuseOtherKind(kind: TriggerRow['kind'], request: UpdateTriggerRequest): void {
  const foreign = kind === 'SCHEDULE' ? (['eventType', 'filter'] as const) : (['cronExpression'] as const);
  for (const field of foreign) {
    if (request[field] === undefined) continue;
    throw new PegasusError(
      'VALIDATION_ERROR',
      `${field}: does not belong to a trigger of kind ${kind}; leave it out.`,
    );
  }
}

function refuseUnlessSchedule(kind: TriggerRow['kind']): void {
  if (kind === 'SCHEDULE') return;
  throw new PegasusError(
    'VALIDATION_ERROR',
    'This trigger is of kind EVENT; only a SCHEDULE can be paused, resumed, or run by hand. Set enabled instead.',
  );
}
