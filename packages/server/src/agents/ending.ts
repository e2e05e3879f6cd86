import { type SubagentResult } from '@pegasus-workflows/contracts/agents';
import { and, count, desc, eq, sql } from 'drizzle-orm';
import { type Tx } from '../infra/database.js';
import { oneLine } from '../infra/failure-text.js';
import { enqueue } from '../infra/outbox.js';
import { agentDispatches, agentDispatchEvents } from '../infra/schema.js';
import { type DispatchRow } from './row.js';
import { tellEnded } from './telling.js';

/**
 * Ends a dispatch, in the transaction that holds its row: the result, the messages about it, and the word to the
 * execution that dispatched it are committed together.
 */
export async function endDispatch(
  tx: Tx,
  row: DispatchRow,
  result: SubagentResult,
  now: Date,
): Promise<DispatchRow> {
  const [ended] = await tx
    .update(agentDispatches)
    .set({
      state: 'ENDED',
      question: null,
      result,
      status: result.status,
      tokensIn: result.tokensIn,
      tokensOut: result.tokensOut,
      changes: sql`${agentDispatches.changes} + 1`,
      endedAt: now,
      heardAt: now,
    })
    .where(eq(agentDispatches.id, row.id))
    .returning();
  const { tenantId, id, parentExecutionId } = row;
  await tellEnded(tx, row, result, now);
  if (parentExecutionId !== null) await enqueue(tx, { tenantId, topic: 'DISPATCH_ENDED', refId: id });
  return ended!;
}

/** The result of a dispatch that gave none: what is known of it, and why it ended. */
export async function resultWithout(
  tx: Tx,
  row: DispatchRow,
  { status, summary }: { status: 'failed' | 'cancelled'; summary: string },
  now: Date,
): Promise<SubagentResult> {
  const ofDispatch = eq(agentDispatchEvents.dispatchId, row.id);
  const type = sql`${agentDispatchEvents.event} ->> 'type'`;
  const [calls] = await tx
    .select({ n: count() })
    .from(agentDispatchEvents)
    .where(and(ofDispatch, sql`${type} = 'subagent.tool_call'`));
  const [last] = await tx
    .select({ event: agentDispatchEvents.event })
    .from(agentDispatchEvents)
    .where(ofDispatch)
    .orderBy(desc(agentDispatchEvents.n))
    .limit(1);
  return {
    taskId: row.task.id,
    role: row.role,
    // Personas are the host's to know: one that it has named, or the role.
    personaSlug: last?.event.personaSlug ?? row.role,
    status,
    summary: oneLine(summary),
    filesChanged: [],
    toolCallCount: calls?.n ?? 0,
    tokensIn: row.tokensIn,
    tokensOut: row.tokensOut,
    durationMs: Math.max(0, now.getTime() - (row.startedAt ?? now).getTime()),
  };
}
