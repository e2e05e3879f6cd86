import { isTerminal, type ExecutionStatus } from '@pegasus-workflows/contracts';
import { failpoint, type Logger } from '@pegasus-workflows/kit';
import { sql } from 'drizzle-orm';
import { executionRowOf, type ExecutionRow } from './row.js';
import { type Database } from '../infra/database.js';
import { errorForLog } from '../infra/error-log.js';
import { type RunClose } from '../infra/temporal.js';
import { outcomeOf } from './close.js';
import { type ExecutionMetrics } from './metrics.js';
import { type OpenCounts } from './open-counts.js';
import { type Wakeups } from '../infra/wakeups.js';

/**
 * Job: the only writer of an execution's status after its insert. Changes that arrive while a write is under way
 * share the next one (group commit).
 *
 * Boundary: takes what Temporal said; decides nothing about when to ask. A change that could not be written is
 * logged and dropped: Temporal still has the truth, and the reconciler asks again.
 *
 * Invariants
 * 1. A terminal row is never changed again, by anybody, in any order of arrival.
 * 2. Writing the same change twice is the same as writing it once.
 * 3. Waiters wake after the commit, never before it, and after `onEnded` was called for every row of it that ended.
 * 4. A terminal change is written at once; RUNNING may wait {@link RUNNING_WINDOW_MS}, and whoever reads through this
 *    process first waits for it ({@link OutcomeWriter.settled}).
 * 5. A change that cannot be stored does not take its neighbours in the batch with it.
 * 6. The result of a dry run that completed holds the mutations that were recorded when its row was closed.
 */

/** A short run's RUNNING and its outcome then cost one write. A crash in between is mended by the reconciler. */
export const RUNNING_WINDOW_MS = 100;
const BATCH = 200;

/** `written`: the row changed. `unchanged`: it was terminal already, or is gone. `failed`: the database said no. */
export type Written = 'written' | 'unchanged' | 'failed';

interface Change {
  status: ExecutionStatus;
  temporalRunId: string | null;
  startedAt: Date | null;
  finishedAt: Date | null;
  result: unknown;
  errorMessage: string | null;
  /** Apply only to a row that was never started. */
  onlyQueued: boolean;
}

interface Pending {
  change: Change;
  promise: Promise<Written>;
  resolve: (written: Written) => void;
}

export class OutcomeWriter {
  readonly #db: Database;
  readonly #logger: Logger;
  readonly #metrics: ExecutionMetrics;
  readonly #counts: OpenCounts;
  readonly #wakeups: Wakeups<ExecutionRow>;
  /** Called once a row has become terminal, before anybody is told. */
  onEnded: (executionId: string) => void = () => {};
  /** Called after a row with a concurrency key has become terminal. */
  onPlaceFree: () => void = () => {};
  /** Called after rows were written. */
  onWritten: () => void = () => {};
  #pending = new Map<string, Pending>();
  #writing = new Map<string, Pending>();
  #loop: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: {
    db: Database;
    logger: Logger;
    metrics: ExecutionMetrics;
    counts: OpenCounts;
    wakeups: Wakeups<ExecutionRow>;
  }) {
    this.#db = parts.db;
    this.#logger = parts.logger;
    this.#metrics = parts.metrics;
    this.#counts = parts.counts;
    this.#wakeups = parts.wakeups;
  }

  /** The run exists in Temporal; also tells of a later run of its chain. */
  started(executionId: string, run: { runId: string; startedAt: Date }): Promise<Written> {
    return this.#add(executionId, {
      status: 'RUNNING',
      temporalRunId: run.runId,
      startedAt: run.startedAt,
      finishedAt: null,
      result: null,
      errorMessage: null,
      onlyQueued: false,
    });
  }

  /** The chain of runs has closed. */
  async closed(executionId: string, close: RunClose): Promise<Written> {
    const written = await this.#add(executionId, { startedAt: null, onlyQueued: false, ...outcomeOf(close) });
    if (written === 'written') this.#metrics.closeLag.observe((Date.now() - close.closedAt.getTime()) / 1000);
    return written;
  }

  /** A row that will never run, or whose run is lost, ends without Temporal. */
  ended(
    executionId: string,
    end: { status: 'FAILED' | 'CANCELLED'; errorMessage: string | null; at: Date; onlyQueued: boolean },
  ): Promise<Written> {
    return this.#add(executionId, {
      status: end.status,
      temporalRunId: null,
      startedAt: null,
      finishedAt: end.at,
      result: null,
      errorMessage: end.errorMessage,
      onlyQueued: end.onlyQueued,
    });
  }

  /** Resolves when everything this process knows about an execution is in its row. */
  async settled(executionId: string): Promise<void> {
    while (this.#pending.has(executionId) || this.#writing.has(executionId)) {
      this.#flushNow();
      await (this.#pending.get(executionId) ?? this.#writing.get(executionId))?.promise;
    }
  }

  /** Resolves when everything that was known at the call is written. */
  async settledAll(): Promise<void> {
    this.#flushNow();
    await Promise.all(
      [...this.#writing.values(), ...this.#pending.values()].map((pending) => pending.promise),
    );
  }

  #add(id: string, change: Change): Promise<Written> {
    const waiting = this.#pending.get(id);
    if (waiting) waiting.change = merge(waiting.change, change);
    else {
      let resolve: Pending['resolve'] = () => {};
      const promise = new Promise<Written>((settle) => (resolve = settle));
      this.#pending.set(id, { change, promise, resolve });
    }
    const { promise } = this.#pending.get(id)!;
    if (isTerminal(change.status)) this.#flushNow();
    else this.#timer ??= setTimeout(() => this.#flushNow(), RUNNING_WINDOW_MS);
    return promise;
  }

  #flushNow(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#loop ??= this.#write().finally(() => {
      this.#loop = undefined;
      if (this.#pending.size > 0) this.#timer ??= setTimeout(() => this.#flushNow(), RUNNING_WINDOW_MS);
    });
  }

  async #write(): Promise<void> {
    // A turn of the event loop gathers what arrived together.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#pending.size > 0) {
      this.#writing = new Map([...this.#pending].slice(0, BATCH));
      for (const id of this.#writing.keys()) this.#pending.delete(id);
      const batch = this.#writing;
      const written = await this.#store([...batch].map(([id, { change }]) => ({ id, ...change })));
      this.#writing = new Map();
      for (const [id, pending] of batch) pending.resolve(written.get(id) ?? 'unchanged');
    }
  }

  async #store(changes: (Change & { id: string })[]): Promise<Map<string, Written>> {
    const terminal = changes.some((change) => isTerminal(change.status));
    try {
      if (terminal) failpoint('outcome.before-write');
      const rows = await this.#db.system(async (tx) =>
        (await tx.execute(updateOf(changes))).rows.map(executionRowOf),
      );
      if (terminal) failpoint('outcome.after-write');
      for (const row of rows) if (isTerminal(row.status)) this.onEnded(row.id);
      for (const row of rows) this.#announce(row);
      this.onWritten();
      return new Map(rows.map((row) => [row.id, 'written']));
    } catch (error) {
      if (changes.length === 1) {
        this.#logger.error(
          { error: errorForLog(error), executionId: changes[0]!.id },
          'an outcome could not be written',
        );
        return new Map([[changes[0]!.id, 'failed']]);
      }
      const results = new Map<string, Written>();
      for (const change of changes) for (const [id, w] of await this.#store([change])) results.set(id, w);
      return results;
    }
  }

  #announce(row: ExecutionRow): void {
    if (!isTerminal(row.status)) return;
    this.#counts.closed(row.tenantId);
    this.#metrics.closes.inc({ status: row.status });
    this.#wakeups.wake(row.id, row);
    if (row.concurrencyKey !== null) this.onPlaceFree();
  }
}

/**
 * A terminal change wins over RUNNING and keeps what RUNNING knew; of two terminal ones the first (invariant 1). One
 * that is meant for a row that never ran takes nothing from a run, and yields to it.
 */
function merge(first: Change, second: Change): Change {
  if (second.onlyQueued) return first;
  if (first.onlyQueued) return second;
  if (isTerminal(first.status)) return { ...first, startedAt: first.startedAt ?? second.startedAt };
  return {
    ...second,
    startedAt: first.startedAt ?? second.startedAt,
    temporalRunId: second.temporalRunId ?? first.temporalRunId,
  };
}

function updateOf(changes: (Change & { id: string })[]) {
  const rows = JSON.stringify(
    changes.map((change) => ({
      id: change.id,
      status: change.status,
      run_id: change.temporalRunId,
      started_at: change.startedAt,
      finished_at: change.finishedAt,
      result: change.result,
      error_message: change.errorMessage,
      only_queued: change.onlyQueued,
    })),
  );
  return sql`
    update executions e set
      status = c.status,
      temporal_run_id = coalesce(c.run_id, e.temporal_run_id),
      started_at = coalesce(e.started_at, c.started_at, case when c.run_id is null then null else c.finished_at end),
      finished_at = c.finished_at,
      result = case when e.dry_run and c.status = 'COMPLETED'
        then jsonb_build_object('result', c.result, 'mutations', coalesce(
          (select jsonb_agg(jsonb_build_object('method', m.method, 'capability', m.capability, 'args', m.args,
              'wouldReturn', m.would_return) order by m.seq)
            from dry_run_mutations m where m.execution_id = e.id), '[]'::jsonb))
        else c.result end,
      error_message = c.error_message,
      updated_at = now()
    from jsonb_to_recordset(${rows}::jsonb) as c(
      id uuid, status text, run_id text, started_at timestamptz, finished_at timestamptz,
      result jsonb, error_message text, only_queued boolean)
    where e.id = c.id and e.status in ('QUEUED', 'RUNNING') and (not c.only_queued or e.status = 'QUEUED')
    returning e.*`;
}
