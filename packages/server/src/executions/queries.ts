import { PegasusError, type Handlers, type QueryAnswer } from '@pegasus-workflows/contracts';
import { z } from 'zod';
import { oneLine } from '../infra/failure-text.js';
import {
  TEMPORAL_DEADLINES,
  type QueryOutcome,
  type RunMessage,
  type TemporalPort,
} from '../infra/temporal.js';
import { type DemandSet } from '../internal/demand.js';
import { throwIfValueRefused } from './refused-value.js';
import { type Caller, type ExecutionLookup } from './lookup.js';
import { type ExecutionRow } from './row.js';
import { WorkerCalls } from './worker-calls.js';

/**
 * Job: asks runs, open or ended, what their query handlers answer, and which handlers they have.
 *
 * Boundary: a query is answered by the author's code in the tenant's worker; nothing it says is trusted to be more than
 * JSON. Nothing is changed by asking.
 *
 * Invariants
 * 1. A worker is in demand while a question is under way.
 * 2. A tenant has at most {@link QUERIES_AT_ONCE} questions under way: each may hold a worker for
 *    {@link TEMPORAL_DEADLINES.query}.
 * 3. A question ends when its asker goes away, and at the latest with its deadline.
 */
export interface QueryParts {
  lookup: ExecutionLookup;
  temporal: TemporalPort;
  demand: DemandSet;
}

export const QUERIES_AT_ONCE = 20;

/** Answered by the SDK of every workflow, without a handler of the author. */
const BUILT_IN = ['__stack_trace', '__enhanced_stack_trace', '__temporal_workflow_metadata'];
const METADATA = { name: '__temporal_workflow_metadata', args: [] };

const definitions = z
  .array(z.object({ name: z.string().default(''), description: z.string().nullish() }))
  .nullish();
/** `temporal.api.sdk.v1.WorkflowMetadata` as JSON. */
const metadataSchema = z.object({
  definition: z.object({
    signalDefinitions: definitions,
    queryDefinitions: definitions,
    updateDefinitions: definitions,
  }),
});

export class Queries {
  readonly #parts: QueryParts;
  readonly #workers: WorkerCalls;

  constructor(parts: QueryParts) {
    this.#parts = parts;
    this.#workers = new WorkerCalls(parts, { plural: 'queries', limit: QUERIES_AT_ONCE });
  }

  /**
   * One query's answer. Throws NOT_FOUND, EXECUTION_NOT_OPEN when the run never started, QUERY_REJECTED with the reason,
   * CONCURRENCY_LIMIT, TEMPORAL_QUERY_FAILED when no worker was ready in time or Temporal cannot be reached.
   */
  async query(
    caller: Caller,
    workflowId: string,
    id: string,
    message: RunMessage,
    signal?: AbortSignal,
  ): Promise<QueryAnswer> {
    return this.#withWorker(caller, workflowId, id, async (row) => {
      const outcome = await this.#ask(row, message, signal);
      if (outcome.kind === 'answered') return { result: outcome.result };
      // The reason for an unknown name differs from SDK to SDK; what the run does answer to is told in one way.
      const known = await this.#handlersOf(row, signal).catch(() => undefined);
      const isUnknown = known && ![...BUILT_IN, ...namesOf(known.queries)].includes(message.name);
      throw new PegasusError(
        'QUERY_REJECTED',
        isUnknown
          ? noSuchQuery(message.name, namesOf(known.queries))
          : rejected(message.name, outcome.reason),
      );
    });
  }

  /** The author's handlers, as the run has them now. Throws all that {@link Queries.query} throws. */
  handlers(caller: Caller, workflowId: string, id: string, signal?: AbortSignal): Promise<Handlers> {
    return this.#withWorker(caller, workflowId, id, (row) => this.#handlersOf(row, signal));
  }

  async #handlersOf(row: ExecutionRow, signal: AbortSignal | undefined): Promise<Handlers> {
    const outcome = await this.#ask(row, METADATA, signal);
    if (outcome.kind === 'rejected')
      throw new PegasusError('QUERY_REJECTED', rejected(METADATA.name, outcome.reason));
    const { definition } = metadataSchema.parse(outcome.result);
    return {
      signals: handlersOf(definition.signalDefinitions),
      queries: handlersOf(definition.queryDefinitions),
      updates: handlersOf(definition.updateDefinitions),
    };
  }

  async #withWorker<T>(
    caller: Caller,
    workflowId: string,
    id: string,
    ask: (row: ExecutionRow) => Promise<T>,
  ): Promise<T> {
    const row = await this.#parts.lookup.settledRow(caller, workflowId, id);
    if (!row.startedAt) throw neverStarted(row);
    return this.#workers.hold(caller, workflowId, row, () => ask(row));
  }

  async #ask(row: ExecutionRow, message: RunMessage, signal: AbortSignal | undefined): Promise<QueryOutcome> {
    const limits = { deadlineMs: TEMPORAL_DEADLINES.query, signal };
    const outcome = await this.#parts.temporal
      .query(row.temporalWorkflowId, message, limits)
      .catch((error: unknown) => {
        throwIfValueRefused(error);
        const reason = oneLine(error instanceof Error ? error.message : String(error), 500);
        const sentence = `Temporal did not answer the query: ${reason}. Try again.`;
        throw new PegasusError('TEMPORAL_QUERY_FAILED', sentence, { cause: error });
      });
    if (outcome) return outcome;
    throw new PegasusError('NOT_FOUND', 'Temporal no longer keeps the run of this execution.');
  }
}

function handlersOf(found: z.infer<typeof definitions>): Handlers['queries'] {
  return (found ?? [])
    .filter(({ name }) => name !== '' && !BUILT_IN.includes(name))
    .map(({ name, description }) => ({ name, ...(description ? { description } : {}) }));
}

function namesOf(handlers: Handlers['queries']): string[] {
  return handlers.map(({ name }) => name);
}

function noSuchQuery(name: string, known: readonly string[]): string {
  const answers =
    known.length > 0
      ? `it answers to ${known.join(', ')} and __stack_trace`
      : 'it answers only to __stack_trace';
  return oneLine(`This run has no query ${JSON.stringify(name)}; ${answers}.`);
}

/** Temporal's reason as the end of one sentence. */
function rejected(name: string, reason: string): string {
  const clean = oneLine(reason, 1_000).replace(/[.\s]+$/, '');
  return `The query ${JSON.stringify(name)} was rejected: ${clean}.`;
}

function neverStarted(row: ExecutionRow): PegasusError {
  return new PegasusError(
    'EXECUTION_NOT_OPEN',
    row.status === 'QUEUED'
      ? 'The execution is QUEUED; it can be asked once its run has started.'
      : `The execution is ${row.status} and never started, so there is no run to ask.`,
  );
}
