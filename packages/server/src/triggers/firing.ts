import { PegasusError, type ErrorCode, type TickOutcome } from '@pegasus-workflows/contracts';
import { failpoint } from '@pegasus-workflows/kit';
import { eq } from 'drizzle-orm';
import { type ExecutionEngine } from '../executions/engine.js';
import { insertQueued } from '../executions/queued.js';
import { type ExecutionRow } from '../executions/row.js';
import { refuseUnlessRunnable } from '../executions/runnable.js';
import { type RunnableWorkflow } from '../executions/workflow-cache.js';
import { type Database, type Tx } from '../infra/database.js';
import { executions, triggers, triggerTicks } from '../infra/schema.js';
import { type TemporalPort } from '../infra/temporal.js';
import { type TriggerRow } from './row.js';
import { keepTick, lockTrigger, openRuns } from './store.js';
import { tickExecutionId } from './tick-id.js';

/**
 * Job: decides what becomes of a schedule's tick, and starts its run.
 *
 * Boundary: the decision is one transaction: the execution's row, and the newest tick's. The start comes after it, and is
 * the reconciler's when a crash comes in between. Who brings ticks, and what time it is, is nothing to it.
 *
 * Invariants
 * 1. One tick has at most one execution, however often and wherever it is decided: the execution's id is made of the
 *    trigger and the tick's instant.
 * 2. No run of a trigger begins by a tick while a prior one is open: decisions of one trigger wait for one another.
 * 3. A tick of a trigger that is gone, paused, or has another cron expression by now, has no effect.
 * 4. A tick whose run cannot begin leaves an execution that FAILED and says why.
 */
export interface ScheduleTick {
  tenantId: string;
  triggerId: string;
  /** The cron expression that the tick is of; any when absent. */
  cron?: string;
  scheduledAt: Date;
  /** Somebody asks for it: a paused trigger fires too, and what stands against a run is thrown instead of kept. */
  byHand?: boolean;
}

export interface Decision {
  outcome: TickOutcome | 'IGNORED';
  executionId: string | null;
}

export interface FiringParts {
  db: Database;
  temporal: TemporalPort;
  engine: ExecutionEngine;
  workflowsEnabled: boolean;
  clock: () => Date;
}

/** A decision, and the run that is to be started after its commit. */
interface Decided extends Decision {
  start?: { row: ExecutionRow; workflow: RunnableWorkflow };
}

/** What stands against a run only now: the tick comes again. */
const COMES_AGAIN = new Set<ErrorCode>(['SERVICE_UNAVAILABLE', 'RATE_LIMITED']);

const IGNORED: Decision = { outcome: 'IGNORED', executionId: null };

export class Firing {
  readonly #parts: FiringParts;

  constructor(parts: FiringParts) {
    this.#parts = parts;
  }

  /**
   * Decides a tick. Rejects when that was not possible now; deciding it again does no harm (invariant 1). Of a tick by
   * hand it throws what `run` throws.
   */
  async decide(tick: ScheduleTick): Promise<Decision> {
    const { start, ...decision } = await this.#decide(tick);
    failpoint('tick.after-commit');
    if (start) await this.#parts.engine.queued.start(start.row, start.workflow);
    return decision;
  }

  async #decide(tick: ScheduleTick): Promise<Decided> {
    const { db, engine } = this.#parts;
    const { tenantId, triggerId } = tick;
    const [trigger] = await db.tenant(tenantId, (tx) =>
      tx.select().from(triggers).where(eq(triggers.id, triggerId)),
    );
    if (!trigger || !isDue(trigger, tick)) return IGNORED;
    const workflow = await engine.workflowCache.get(tenantId, trigger.workflowId);
    if (!workflow) return IGNORED;
    const ended = await this.#endedMeanwhile(trigger);
    const admitted = await this.#admit(tick, workflow);
    let isNew = false;
    try {
      const decided = await db.tenant(tenantId, async (tx): Promise<Decided> => {
        const locked = await lockTrigger(tx, tenantId, triggerId);
        if (!locked || !isDue(locked, tick)) return IGNORED;
        if (locked.workflowId !== workflow.id) throw new Error('the trigger was taken over while it fired');
        const executionId = tickExecutionId(triggerId, tick.scheduledAt);
        const [present] = await tx.select().from(executions).where(eq(executions.id, executionId));
        if (present) return decidedBefore(present, workflow);
        const skipped = await skippedBefore(tx, tick);
        if (skipped) return skipped;
        const open = (await openRuns(tx, locked)).filter(({ id }) => !ended.has(id));
        const outcome = open.length > 0 ? 'SKIPPED_OPEN_RUN' : admitted.refusal ? 'REFUSED' : 'STARTED';
        const row =
          outcome === 'SKIPPED_OPEN_RUN'
            ? undefined
            : await this.#insert(tx, tick, locked, workflow, admitted.refusal);
        const decision = { outcome, executionId: row?.id ?? null } as const;
        if (!tick.byHand)
          await keepTick(tx, { triggerId, tenantId, scheduledAt: tick.scheduledAt, ...decision });
        isNew = outcome === 'STARTED';
        return { ...decision, ...(isNew && row ? { start: { row, workflow } } : {}) };
      });
      if (isNew) admitted.place?.keep();
      else admitted.place?.giveBack();
      return decided;
    } catch (error) {
      admitted.place?.giveBack();
      throw error;
    }
  }

  /**
   * The runs of the trigger that Temporal knows to be closed, though their rows do not say so yet. Asked before the
   * transaction, which must not wait for anything but the database.
   */
  async #endedMeanwhile(trigger: TriggerRow): Promise<Set<string>> {
    const { db, temporal, engine } = this.#parts;
    const ended = new Set<string>();
    const look = () => db.tenant(trigger.tenantId, (tx) => openRuns(tx, trigger));
    if ((await look()).length === 0) return ended;
    await engine.settled();
    for (const run of await look()) {
      if (run.status !== 'RUNNING') continue;
      const known = await temporal.describe(run.temporalWorkflowId);
      if (known && known.status !== 'RUNNING' && known.status !== 'CONTINUED_AS_NEW') ended.add(run.id);
    }
    return ended;
  }

  /** A place among the tenant's runs, or why there is none. */
  async #admit({ tenantId, byHand }: ScheduleTick, workflow: RunnableWorkflow) {
    try {
      refuseUnlessRunnable(tenantId, workflow, this.#parts.workflowsEnabled);
      await this.#parts.engine.requirements.require(tenantId, workflow.id);
      return { place: await this.#parts.engine.admission.admit(tenantId), refusal: undefined };
    } catch (error) {
      if (byHand || !(error instanceof PegasusError) || COMES_AGAIN.has(error.code)) throw error;
      return { place: undefined, refusal: error.message };
    }
  }

  /** Invariant 4: ended by an update, as every other outcome is, so that whoever is told of outcomes hears of it. */
  async #insert(
    tx: Tx,
    tick: ScheduleTick,
    trigger: TriggerRow,
    workflow: RunnableWorkflow,
    refusal: string | undefined,
  ): Promise<ExecutionRow> {
    const row = await insertQueued(tx, scheduledRun(tick, trigger.cronExpression ?? '', workflow));
    if (!row) throw new Error('an execution appeared while its trigger was locked');
    if (refusal === undefined) return row;
    const [failed] = await tx
      .update(executions)
      .set({ status: 'FAILED', errorMessage: refusal, finishedAt: this.#parts.clock() })
      .where(eq(executions.id, row.id))
      .returning();
    return failed!;
  }
}

/** Invariant 3. */
function isDue(trigger: TriggerRow, { cron, byHand }: ScheduleTick): boolean {
  return (byHand || trigger.enabled) && (cron === undefined || trigger.cronExpression === cron);
}

/** It comes again, and was skipped: so it stays, though the prior run may have ended meanwhile. */
async function skippedBefore(
  tx: Tx,
  { triggerId, scheduledAt }: ScheduleTick,
): Promise<Decision | undefined> {
  const [newest] = await tx.select().from(triggerTicks).where(eq(triggerTicks.triggerId, triggerId));
  if (newest?.outcome !== 'SKIPPED_OPEN_RUN') return undefined;
  if (newest.scheduledAt.getTime() !== scheduledAt.getTime()) return undefined;
  return { outcome: newest.outcome, executionId: null };
}

/** It comes again: the answer to Temporal was lost. What is not started yet is started now. */
function decidedBefore(row: ExecutionRow, workflow: RunnableWorkflow): Decided {
  const wasRefused = row.status === 'FAILED' && row.startedAt === null;
  return {
    outcome: wasRefused ? 'REFUSED' : 'STARTED',
    executionId: row.id,
    ...(row.status === 'QUEUED' && !row.held ? { start: { row, workflow } } : {}),
  };
}

/** What a tick's run is. */
export function scheduledRun(
  { triggerId, scheduledAt }: Pick<ScheduleTick, 'triggerId' | 'scheduledAt'>,
  cron: string,
  workflow: Pick<RunnableWorkflow, 'id' | 'tenantId' | 'name'>,
) {
  return {
    executionId: tickExecutionId(triggerId, scheduledAt),
    workflow,
    input: { scheduledAt: scheduledAt.toISOString(), schedule: cron, triggerId },
    triggerSource: 'SCHEDULE' as const,
    triggerId,
  };
}
