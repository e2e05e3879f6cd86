import { PegasusError, type DispatchReport } from '@pegasus-workflows/contracts';
import { failpoint } from '@pegasus-workflows/kit';
import { eq, sql } from 'drizzle-orm';
import { type Database, type Tx } from '../infra/database.js';
import { agentDispatches, agentDispatchEvents } from '../infra/schema.js';
import { endDispatch } from './ending.js';
import { type DispatchRow } from './row.js';
import { lockDispatch } from './store.js';
import { tellQuestion } from './telling.js';

/**
 * Job: what a host says of a dispatch, written down.
 *
 * Boundary: a report is one transaction, together with the messages that follow from it. The host's word is taken as it
 * is: it comes with the runner token.
 *
 * Invariants
 * 1. A report that is told again changes nothing: an event has one place, and a state needs a higher `at`.
 * 2. Reports that come out of order end as those in order do, but that an older state is never seen.
 * 3. ENDED is final, whoever has ended it; events that come later are still kept.
 * 4. A question is told to webhooks and triggers once, an end is told once.
 */
export interface ReportParts {
  db: Database;
  clock: () => Date;
  onChanged: (dispatchId: string) => void;
  onEnded: (row: DispatchRow) => void;
  onTold: () => void;
}

/** Takes a report in. Throws NOT_FOUND, VALIDATION_ERROR for one that contradicts itself. */
export async function takeReport(
  { db, clock, onChanged, onEnded, onTold }: ReportParts,
  tenantId: string,
  id: string,
  report: DispatchReport,
): Promise<void> {
  refuseContradictions(report);
  const { before, after } = await db.tenant(tenantId, async (tx) => {
    const row = await lockDispatch(tx, tenantId, id);
    if (report.events.length > 0)
      await tx
        .insert(agentDispatchEvents)
        .values(report.events.map((event) => ({ ...event, dispatchId: id, tenantId })))
        .onConflictDoNothing();
    return { before: row, after: await apply(tx, row, report, clock()) };
  });
  failpoint('dispatch.reported');
  onChanged(id);
  onTold();
  if (before.state !== 'ENDED' && after.state === 'ENDED') onEnded(after);
}

async function apply(tx: Tx, row: DispatchRow, report: DispatchReport, now: Date): Promise<DispatchRow> {
  if (row.state === 'ENDED' || report.at <= row.reportedAt) return row;
  const { state, question, result, at } = report;
  const isChanged = state !== row.state || question?.id !== row.question?.id;
  const [changed] = await tx
    .update(agentDispatches)
    .set({
      reportedAt: at,
      tokensIn: Math.max(row.tokensIn, report.tokensIn),
      tokensOut: Math.max(row.tokensOut, report.tokensOut),
      startedAt: row.startedAt ?? now,
      heardAt: now,
      ...(state === 'ENDED' ? {} : { state, question }),
      ...(isChanged && state !== 'ENDED' ? { changes: sql`${agentDispatches.changes} + 1` } : {}),
    })
    .where(eq(agentDispatches.id, row.id))
    .returning();
  if (state === 'ENDED') return endDispatch(tx, changed!, result!, now);
  if (state === 'WAITING') await tellQuestion(tx, changed!, question!);
  return changed!;
}

function refuseContradictions({ state, question, result }: DispatchReport): void {
  const wrong =
    state === 'ENDED' && result === null
      ? 'result: must be given with the state ENDED.'
      : state === 'WAITING' && question === null
        ? 'question: must be given with the state WAITING.'
        : (state === 'RUNNING' || state === 'ENDED') && question !== null
          ? `question: must be null with the state ${state}.`
          : undefined;
  if (wrong !== undefined) throw new PegasusError('VALIDATION_ERROR', wrong);
}
