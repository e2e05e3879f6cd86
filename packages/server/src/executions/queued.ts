import { temporalWorkflowId } from '@pegasus-workflows/contracts';
import { failpoint } from '@pegasus-workflows/kit';
import { type Tx } from '../infra/database.js';
import { errorForLog } from '../infra/error-log.js';
import { executions } from '../infra/schema.js';
import { artifactInDemand, type DemandSet } from '../internal/demand.js';
import { type OutcomeWriter, type Written } from './outcome.js';
import { type ExecutionRow } from './row.js';
import { startRun, type StarterParts } from './starter.js';
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

/** Rows of one statement, far below the number of its parameters that PostgreSQL takes. */
const ROWS_AT_ONCE = 1_000;

/** Writes the QUEUED row; answers it when it was new (invariant 1). */
export async function insertQueued(tx: Tx, run: QueuedRun): Promise<ExecutionRow | undefined> {
  const [row] = await insertQueuedRuns(tx, [run]);
  return row;
}

/** Writes many QUEUED rows; answers those that were new (invariant 1). */
export async function insertQueuedRuns(tx: Tx, runs: readonly QueuedRun[]): Promise<ExecutionRow[]> {
  const inserted: ExecutionRow[] = [];
  for (let at = 0; at < runs.length; at += ROWS_AT_ONCE) {
    const values = runs.slice(at, at + ROWS_AT_ONCE).map(({ workflow, executionId, hold, ...run }) => ({
      id: executionId,
      tenantId: workflow.tenantId,
      workflowId: workflow.id,
      status: 'QUEUED' as const,
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
    }));
    inserted.push(...(await tx.insert(executions).values(values).onConflictDoNothing().returning()));
  }
  return inserted;
}

export interface QueuedRunsParts extends StarterParts {
  clock: () => Date;
  outcome: OutcomeWriter;
  watchers: Watchers;
  demand: DemandSet;
  /** Executions that this process is starting. */
  starting: Map<string, Promise<unknown>>;
}

/** What starting needs of a row. */
export type StartableRow = Pick<
  ExecutionRow,
  'id' | 'input' | 'triggerSource' | 'priority' | 'dryRun' | 'temporalWorkflowId'
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
    demand.open(artifactInDemand(workflow, row.dryRun));
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
    const { id: executionId, temporalWorkflowId } = row;
    const { input, triggerSource, priority, dryRun } = row;
    failpoint('queued.before-start');
    const result = await startRun(this.#parts, {
      executionId,
      workflow,
      input,
      triggerSource,
      priority,
      dryRun,
    });
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
