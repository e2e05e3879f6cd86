import {
  BACKFILL_TICKS_MAX,
  cronTimesBetween,
  parseCron,
  PegasusError,
  type Backfill,
  type BackfillRequest,
} from '@pegasus-workflows/contracts';
import { failpoint } from '@pegasus-workflows/kit';
import { type ExecutionEngine } from '../executions/engine.js';
import { type Place as RunPlace } from '../executions/open-counts.js';
import { insertQueued } from '../executions/queued.js';
import { refuseUnlessRunnable } from '../executions/runnable.js';
import { type Database } from '../infra/database.js';
import { scheduledRun } from './firing.js';
import { lockTrigger, requireTrigger, type Place } from './store.js';

export interface BackfillParts {
  db: Database;
  engine: ExecutionEngine;
  workflowsEnabled: boolean;
  clock: () => Date;
}

/**
 * Asks for the runs of a schedule's past ticks, all of them in one transaction, or none. They wait as held runs and run
 * one at a time, oldest first; a tick that had its run already has no second one. Throws NOT_FOUND, VALIDATION_ERROR
 * (no schedule, a time to come, too many ticks), and what `run` throws.
 */
export async function backfill(
  parts: BackfillParts,
  place: Place,
  triggerId: string,
  request: BackfillRequest,
): Promise<Backfill> {
  const { db, engine, clock } = parts;
  const { tenantId, workflowId } = place;
  const { row } = await db.tenant(tenantId, (tx) => requireTrigger(tx, place, triggerId));
  const times = ticksAskedFor(row.cronExpression, request, clock());
  const workflow = await engine.workflowCache.get(tenantId, workflowId);
  if (!workflow) throw new PegasusError('NOT_FOUND', 'There is no workflow with this id.');
  refuseUnlessRunnable(tenantId, workflow, parts.workflowsEnabled);
  await engine.requirements.require(tenantId, workflowId);
  const places: RunPlace[] = [];
  try {
    for (const _time of times) places.push(await engine.admission.admit(tenantId, { begins: false }));
    const asked = clock().getTime();
    const executionIds = await db.tenant(tenantId, async (tx) => {
      const locked = await lockTrigger(tx, tenantId, triggerId);
      if (!locked || locked.workflowId !== workflowId || locked.cronExpression !== row.cronExpression) {
        throw new PegasusError(
          'CONFLICT',
          'The trigger was changed at this very moment; look at it, and repeat.',
        );
      }
      const ids: string[] = [];
      for (const [n, scheduledAt] of times.entries()) {
        const run = scheduledRun({ triggerId, scheduledAt }, row.cronExpression ?? '', workflow);
        const hold = {
          concurrencyKey: `trigger/${triggerId}`,
          limit: 1,
          // What they are let go in the order of.
          queuedAt: new Date(asked + n),
        };
        if (await insertQueued(tx, { ...run, hold })) ids.push(run.executionId);
      }
      return ids;
    });
    for (const taken of places.splice(0, executionIds.length)) taken.keep();
    failpoint('backfill.after-commit');
    return { ticks: times.length, executionIds };
  } finally {
    for (const untaken of places) untaken.giveBack();
  }
}

function ticksAskedFor(cron: string | null, { from, to }: BackfillRequest, now: Date): Date[] {
  if (cron === null) {
    throw new PegasusError(
      'VALIDATION_ERROR',
      'This trigger is no schedule; only one of kind SCHEDULE has ticks.',
    );
  }
  if (Date.parse(to) > now.getTime()) {
    throw new PegasusError(
      'VALIDATION_ERROR',
      'to: must not be in the future; coming ticks fire by themselves.',
    );
  }
  const times = cronTimesBetween(parseCron(cron), new Date(from), new Date(to), BACKFILL_TICKS_MAX);
  if (times.length > BACKFILL_TICKS_MAX) {
    throw new PegasusError(
      'VALIDATION_ERROR',
      `from: more than ${BACKFILL_TICKS_MAX} ticks come before to; ask for a shorter time.`,
    );
  }
  return times;
}
