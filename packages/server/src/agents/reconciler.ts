import { dispatchRunId } from '@pegasus-workflows/contracts';
import { subagentResultSchema, type SubagentResult } from '@pegasus-workflows/contracts/agents';
import { type Logger } from '@pegasus-workflows/kit';
import { and, asc, eq, isNotNull, lt, ne } from 'drizzle-orm';
import { isOutage } from '../executions/outage.js';
import { type Database } from '../infra/database.js';
import { errorForLog } from '../infra/error-log.js';
import { failureSentence, oneLine } from '../infra/failure-text.js';
import { scanJson } from '../infra/json-scan.js';
import { forEachLimited } from '../infra/pool.js';
import { agentDispatches } from '../infra/schema.js';
import { type RunClose, type TemporalPort } from '../infra/temporal.js';
import { endDispatch, resultWithout } from './ending.js';
import { type DispatchRow } from './row.js';
import { lockDispatch } from './store.js';

/**
 * Job: ends dispatches whose run has closed without a report of it, because the host died with it or could not reach the
 * server any more.
 *
 * Boundary: looks at open rows that nothing was heard of for a while, and asks Temporal about each. A row that was never
 * started is `runs.ts`'s.
 *
 * Invariants
 * 1. Only an answer about that very run changes a row; when Temporal does not answer, nothing changes.
 * 2. A run that Temporal does not know fails its dispatch only after it was unknown for {@link LOST_AFTER_MS} of passes.
 * 3. A result that the run has returned is the dispatch's; without one it is failed or cancelled, with the reason.
 * 4. A run that cannot be understood is logged, and keeps no other dispatch from being looked at.
 */
export interface ReconcilerParts {
  db: Database;
  temporal: TemporalPort;
  logger: Logger;
  clock: () => Date;
  /** How long nothing is heard of a dispatch until Temporal is asked. Milliseconds. */
  silentMs: number;
  onEnded: (row: DispatchRow) => void;
}

export const LOST_AFTER_MS = 60_000;
const BATCH = 200;
const WIDTH = 8;

type Silent = Pick<DispatchRow, 'id' | 'tenantId'>;
type How = Parameters<typeof resultWithout>[2];

export class DispatchReconciler {
  readonly #parts: ReconcilerParts;
  /** Dispatch id → when its run was first unknown, in epoch milliseconds. */
  readonly #unknownSince = new Map<string, number>();

  constructor(parts: ReconcilerParts) {
    this.#parts = parts;
  }

  /** One pass. Rejects when the database or Temporal does not answer. */
  async pass(signal: AbortSignal = new AbortController().signal): Promise<void> {
    const { db, clock, silentMs, logger } = this.#parts;
    const since = new Date(clock().getTime() - silentMs);
    const { id, tenantId, state, runId, heardAt } = agentDispatches;
    const silent = await db.system((tx) =>
      tx
        .select({ id, tenantId })
        .from(agentDispatches)
        .where(and(ne(state, 'ENDED'), isNotNull(runId), lt(heardAt, since)))
        .orderBy(asc(heardAt))
        .limit(BATCH),
    );
    await forEachLimited(silent, WIDTH, async (row) => {
      if (signal.aborted) return;
      await this.#look(row, signal).catch((error: unknown) => {
        if (isOutage(error)) throw error;
        logger.error({ error: errorForLog(error), dispatchId: row.id }, 'a dispatch could not be compared');
      });
    });
    const seen = new Set(silent.map((row) => row.id));
    for (const unknown of this.#unknownSince.keys())
      if (!seen.has(unknown)) this.#unknownSince.delete(unknown);
  }

  async #look(row: Silent, signal: AbortSignal): Promise<void> {
    const { temporal } = this.#parts;
    const workflowId = dispatchRunId(row.tenantId, row.id);
    const run = await temporal.describe(workflowId);
    if (!run) return this.#lost(row);
    this.#unknownSince.delete(row.id);
    if (run.status === 'RUNNING') return this.#heard(row);
    const close = await temporal.waitForClose(workflowId, { runId: run.runId, onlyClosed: true, signal });
    if (close) await this.#end(row, close);
  }

  /** Asked again only after it was silent once more. */
  async #heard({ id }: Silent): Promise<void> {
    const { db, clock } = this.#parts;
    const heardAt = clock();
    await db.system((tx) => tx.update(agentDispatches).set({ heardAt }).where(eq(agentDispatches.id, id)));
  }

  /** Invariant 2. */
  async #lost(row: Silent): Promise<void> {
    const now = this.#parts.clock().getTime();
    const since = this.#unknownSince.get(row.id);
    if (since === undefined) {
      this.#unknownSince.set(row.id, now);
      this.#parts.logger.warn({ dispatchId: row.id }, 'Temporal does not know the run of an open dispatch');
      return;
    }
    if (now - since < LOST_AFTER_MS) return;
    const summary =
      'Temporal no longer knows its run: the data was lost, or the retention ended before an outcome was reported.';
    await this.#write(row, { status: 'failed', summary });
  }

  /** Invariant 3. */
  async #end(row: Silent, close: RunClose): Promise<void> {
    const given = close.status === 'COMPLETED' ? resultOf(close.result) : undefined;
    await this.#write(row, given ?? howItClosed(close));
  }

  async #write({ id, tenantId }: Silent, outcome: SubagentResult | How): Promise<void> {
    const { db, clock, onEnded, logger } = this.#parts;
    const ended = await db.system(async (tx) => {
      const row = await lockDispatch(tx, tenantId, id);
      if (row.state === 'ENDED') return undefined;
      const now = clock();
      const result = 'taskId' in outcome ? outcome : await resultWithout(tx, row, outcome, now);
      return endDispatch(tx, row, result, now);
    });
    if (!ended) return;
    logger.info({ dispatchId: id, status: ended.status }, 'reconciled a dispatch');
    onEnded(ended);
  }
}

/** Undefined for what is no result, and for what cannot be stored. */
function resultOf(value: unknown): SubagentResult | undefined {
  const { data } = subagentResultSchema.safeParse(value);
  return data && scanJson(JSON.stringify(data)).storable ? data : undefined;
}

function howItClosed(close: RunClose): How {
  switch (close.status) {
    case 'COMPLETED':
      return { status: 'failed', summary: 'Its run completed with something that is not a result.' };
    case 'FAILED':
      return { status: 'failed', summary: `Its run failed: ${failureSentence(close.failure)}` };
    case 'TIMED_OUT':
      return { status: 'failed', summary: 'Its run took too long and was ended by Temporal.' };
    case 'CANCELED':
      return { status: 'cancelled', summary: 'Its run was cancelled.' };
    case 'TERMINATED':
      return {
        status: 'failed',
        summary: oneLine(`Its run was terminated: ${close.reason || 'no reason given'}`),
      };
  }
}
