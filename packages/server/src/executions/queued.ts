import { temporalWorkflowId } from '@pegasus-workflows/contracts';
import { failpoint, type Logger } from '@pegasus-workflows/kit';
import { type Tx } from '../infra/database.js';
import { errorForLog } from '../infra/error-log.js';
import { executions } from '../infra/schema.js';
import { type TemporalPort } from '../infra/temporal.js';
import { type DemandSet } from '../internal/demand.js';
import { type ExecutionMetrics } from './metrics.js';
import { type OutcomeWriter, type Written } from './outcome.js';
import { type ExecutionRow } from './row.js';
import { startRun } from './starter.js';
import { type Watchers } from './watchers.js';
import { type RunnableWorkflow } from './workflow-cache.js';

/**
 * Job: runs that no caller waits for: a trigger's, a held one's that has been let go, one that a crash left QUEUED.
 *
 * Boundary: {@link insertQueued} writes the row inside the caller's transaction, with whatever it belongs to;
 * {@link QueuedRuns.start} asks Temporal after the commit. What is not started here is started by the reconciler.
 *
 * Invariants
 * 1. A row's id is its run's id: inserting it twice, or starting it twice, is inserting or starting it once.
 * 2. Temporal not answering leaves the row QUEUED; only its refusal ends it as FAILED.
 */
export interface QueuedRun {
  /** Deterministic: the same cause has the same id. */
  executionId: string;
  workflow: Pick<RunnableWorkflow, 'id' | 'tenantId' | 'name'>;
  input: Record<string, unknown> | null;
  triggerSource: 'EVENT' | 'SCHEDULE';
  triggerId: string;
  /** Kept back until fewer than `limit` open rows with the same key are let go; `executions/held.ts` lets it go. */
  hold?: { concurrencyKey: string; limit: number; queuedAt: Date };
}

/** Writes the QUEUED row; answers whether it was new (invariant 1). */
export async function insertQueued(tx: Tx, run: QueuedRun): Promise<ExecutionRow | undefined> {
  const { workflow, executionId, hold } = run;
  const [row] = await tx
    .insert(executions)
    .values({
      id: executionId,
      tenantId: workflow.tenantId,
      workflowId: workflow.id,
      status: 'QUEUED',
      input: run.input,
      temporalWorkflowId: temporalWorkflowId(workflow.tenantId, workflow.name, executionId),
      triggerSource: run.triggerSource,
      triggeredByTriggerId: run.triggerId,
      ...(hold && {
        held: true,
        concurrencyKey: hold.concurrencyKey,
        concurrencyLimit: hold.limit,
        queuedAt: hold.queuedAt,
      }),
    })
    .onConflictDoNothing()
    .returning();
  return row;
}

export interface QueuedRunsParts {
  temporal: TemporalPort;
  logger: Logger;
  clock: () => Date;
  metrics: ExecutionMetrics;
  outcome: OutcomeWriter;
  watchers: Watchers;
  demand: DemandSet;
  /** Executions that this process is starting. */
  starting: Map<string, Promise<unknown>>;
}

/** What starting needs of a row. */
export type StartableRow = Pick<
  ExecutionRow,
  'id' | 'input' | 'triggerSource' | 'priority' | 'temporalWorkflowId'
>;

export class QueuedRuns {
  readonly #parts: QueuedRunsParts;

  constructor(parts: QueuedRunsParts) {
    this.#parts = parts;
  }

  /** Starts the run of a committed QUEUED row. Never rejects; `undefined` when Temporal gave no answer. */
  async start(row: StartableRow, workflow: RunnableWorkflow): Promise<Written | undefined> {
    const { starting, demand, logger } = this.#parts;
    if (starting.has(row.id)) return undefined;
    demand.open({ ...workflow, workflowName: workflow.name, workflowVersion: workflow.version });
    let settle = (): void => {};
    starting.set(row.id, new Promise<void>((resolve) => (settle = resolve)));
    try {
      return await this.#start(row, workflow);
    } catch (error) {
      logger.error({ error: errorForLog(error), executionId: row.id }, 'a queued run could not be started');
      return undefined;
    } finally {
      starting.delete(row.id);
      settle();
    }
  }

  async #start(row: StartableRow, workflow: RunnableWorkflow): Promise<Written | undefined> {
    const { clock, outcome, watchers } = this.#parts;
    const { id: executionId, input, triggerSource, priority, temporalWorkflowId } = row;
    failpoint('queued.before-start');
    const result = await startRun(this.#parts, { executionId, workflow, input, triggerSource, priority });
    failpoint('queued.after-start');
    const now = clock();
    if (result.kind === 'started') {
      const run = { runId: result.runId, startedAt: now };
      watchers.watch({ executionId, temporalWorkflowId, ...run });
      return outcome.started(executionId, run);
    }
    if (result.kind === 'unknown') return undefined;
    return outcome.ended(executionId, {
      status: 'FAILED',
      errorMessage: result.message,
      at: now,
      onlyQueued: true,
    });
  }
}
