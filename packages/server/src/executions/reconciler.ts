import {
  artifactTaskQueue,
  parseArtifactTaskQueue,
  parseTemporalWorkflowId,
  TERMINAL_STATUSES,
  type ExecutionStatus,
} from '@pegasus-workflows/contracts';
import { failpoint, type Logger } from '@pegasus-workflows/kit';
import { and, asc, eq, gt, inArray, isNull, lt, or } from 'drizzle-orm';
import { type Database } from '../infra/database.js';
import { errorForLog } from '../infra/error-log.js';
import { forEachLimited } from '../infra/pool.js';
import { executions, workflows } from '../infra/schema.js';
import { TEMPORAL_DEADLINES, type TemporalPort, type VisibleRun } from '../infra/temporal.js';
import { type ArtifactInDemand, type DemandSet } from '../internal/demand.js';
import { type ExecutionMetrics } from './metrics.js';
import { quarantinedArtifacts } from '../workflows/quarantine.js';
import { isOutage } from './outage.js';
import { type OpenCounts } from './open-counts.js';
import { type OutcomeWriter } from './outcome.js';
import { type QueuedRuns } from './queued.js';
import { REQUIRED_ACTIONS, type WorkflowCache } from './workflow-cache.js';

/**
 * Job: makes rows and Temporal agree, whatever was killed when. Each pass reads the open rows, lists Temporal's open
 * runs, and asks Temporal itself about every row that the list does not explain.
 *
 * Boundary: one pass costs a page of visibility per 1000 open runs and one call per disagreement. It also corrects
 * what is kept in memory: the open counts and the demand set.
 *
 * Invariants
 * 1. Visibility only says which rows need no question; every change of a row rests on an answer about that very run.
 * 2. A QUEUED row that is not held and that nobody is starting is started; starting is idempotent, so a mistaken second start is harmless.
 * 3. A row whose run is unknown to Temporal fails only after it was unknown for {@link LOST_AFTER_MS} of passes.
 * 4. An open run whose row has ended is terminated: its row ended without ever having started (docs/adr/0003), or it was
 *    reset in the moment in which it ended.
 * 5. When Temporal does not answer, no row changes.
 * 6. A row whose run cannot be understood is logged, and keeps no other row from being compared.
 */

/** Long enough for a mistaken address to be put right or a Temporal to be restored, before rows are given up. */
export const LOST_AFTER_MS = 60_000;
/** With several servers on one database: how long a QUEUED row is another one's to start. */
export const QUEUED_GRACE_MS = TEMPORAL_DEADLINES.start + TEMPORAL_DEADLINES.startCheck + 2_000;
/** Visibility is behind by less than this. */
const STALE_MS = 10_000;
const BATCH = 1_000;
const WIDTH = 8;

export interface ReconcilerParts {
  db: Database;
  temporal: TemporalPort;
  logger: Logger;
  clock: () => Date;
  metrics: ExecutionMetrics;
  outcome: OutcomeWriter;
  queued: QueuedRuns;
  counts: OpenCounts;
  demand: DemandSet;
  workflowCache: WorkflowCache;
  /** Executions that a request of this process is starting. */
  starting: ReadonlyMap<string, unknown>;
}

interface OpenRow {
  id: string;
  tenantId: string;
  workflowId: string;
  status: ExecutionStatus;
  held: boolean;
  temporalWorkflowId: string;
  temporalRunId: string | null;
  queuedAt: Date;
  startedAt: Date | null;
  artifact: ArtifactInDemand;
}

export class Reconciler {
  readonly #parts: ReconcilerParts;
  /** Execution id → when its run was first unknown, in epoch milliseconds. */
  readonly #unknownSince = new Map<string, number>();
  /** In demand at the last pass without an open row: child runs that outlive their parents. */
  #withoutRow: ArtifactInDemand[] = [];

  constructor(parts: ReconcilerParts) {
    this.#parts = parts;
  }

  /** One pass. Rejects when the database or Temporal's visibility does not answer. */
  async pass(signal: AbortSignal): Promise<void> {
    const { outcome, counts, demand } = this.#parts;
    await outcome.settledAll();
    counts.beginCount();
    const begunAt = demand.beginPass();
    demand.suspendOnly(begunAt, await this.#parts.db.system(quarantinedArtifacts));
    // Rows first: they alone say what is in demand when the server starts before Temporal does.
    const rows = await this.#openRows();
    counts.endCount(countBy(rows, (row) => row.tenantId));
    const ofRows = rows.filter((row) => !row.held).map((row) => row.artifact);
    demand.endPass(begunAt, [...ofRows, ...this.#withoutRow]);
    const { roots, queues } = await this.#listOpen(signal);
    this.#withoutRow = await this.#artifactsOf(queues, rows);
    demand.endPass(begunAt, [...ofRows, ...this.#withoutRow]);
    await forEachLimited(rows, WIDTH, async (row) => {
      if (signal.aborted) return;
      const compared = this.#compare(row, roots.get(row.temporalWorkflowId), signal);
      await compared.catch((error: unknown) => {
        if (isOutage(error)) throw error;
        this.#parts.logger.error(
          { error: errorForLog(error), executionId: row.id },
          'an execution could not be compared',
        );
      });
    });
    const openIds = new Set(rows.map((row) => row.id));
    for (const id of this.#unknownSince.keys()) if (!openIds.has(id)) this.#unknownSince.delete(id);
    await this.#endOrphans([...roots.values()], openIds);
  }

  async #listOpen(signal: AbortSignal): Promise<{ roots: Map<string, VisibleRun>; queues: Set<string> }> {
    const roots = new Map<string, VisibleRun>();
    const queues = new Set<string>();
    for await (const run of this.#parts.temporal.listOpen()) {
      signal.throwIfAborted();
      queues.add(run.taskQueue);
      if (!run.parentWorkflowId) roots.set(run.workflowId, run);
    }
    return { roots, queues };
  }

  async #openRows(): Promise<OpenRow[]> {
    const rows: OpenRow[] = [];
    for (let last: string | undefined; ; last = rows.at(-1)?.id) {
      const page = await this.#parts.db.system((tx) =>
        tx
          .select({
            id: executions.id,
            tenantId: executions.tenantId,
            workflowId: executions.workflowId,
            status: executions.status,
            held: executions.held,
            temporalWorkflowId: executions.temporalWorkflowId,
            temporalRunId: executions.temporalRunId,
            queuedAt: executions.queuedAt,
            startedAt: executions.startedAt,
            artifact: { ...ARTIFACT_COLUMNS, dryRun: executions.dryRun },
          })
          .from(executions)
          .innerJoin(workflows, eq(workflows.id, executions.workflowId))
          .where(
            and(
              inArray(executions.status, ['QUEUED', 'RUNNING']),
              last === undefined ? undefined : gt(executions.id, last),
            ),
          )
          .orderBy(asc(executions.id))
          .limit(BATCH),
      );
      rows.push(...page);
      if (page.length < BATCH) return rows;
    }
  }

  /** The artifacts of task queues that have open runs but no open row: child runs that outlive their parents. */
  async #artifactsOf(queues: ReadonlySet<string>, rows: readonly OpenRow[]): Promise<ArtifactInDemand[]> {
    const covered = new Set(rows.map(({ artifact }) => queueOf(artifact)));
    const shas = [...queues]
      .filter((queue) => !covered.has(queue))
      .flatMap((queue) => parseArtifactTaskQueue(queue)?.artifactSha256 ?? []);
    if (shas.length === 0) return [];
    const found = await this.#parts.db.system((tx) =>
      tx.select(ARTIFACT_COLUMNS).from(workflows).where(inArray(workflows.artifactSha256, shas)),
    );
    return found
      .flatMap((artifact) => [false, true].map((dryRun) => ({ ...artifact, dryRun })))
      .filter((artifact) => queues.has(queueOf(artifact)));
  }

  async #compare(row: OpenRow, visible: VisibleRun | undefined, signal: AbortSignal): Promise<void> {
    const { temporal, outcome } = this.#parts;
    if (row.held || this.#parts.starting.has(row.id)) return;
    const isAsVisible = visible && row.status === 'RUNNING' && row.temporalRunId === visible.runId;
    if (isAsVisible) return void this.#unknownSince.delete(row.id);
    const run = await temporal.describe(row.temporalWorkflowId);
    if (!run) return row.status === 'QUEUED' ? this.#start(row) : this.#lost(row);
    this.#unknownSince.delete(row.id);
    if (run.status === 'RUNNING') {
      if (row.status === 'RUNNING' && row.temporalRunId === run.runId) return;
      this.#repaired(await outcome.started(row.id, run), 'started', row);
      return;
    }
    const asked = { runId: run.runId, onlyClosed: true, signal };
    const close = await temporal.waitForClose(row.temporalWorkflowId, asked);
    if (close) this.#repaired(await outcome.closed(row.id, close), 'closed', row);
  }

  /** Invariant 2. */
  async #start(row: OpenRow): Promise<void> {
    const { db, clock, workflowCache } = this.#parts;
    // An embedded database has one server, which knows what it is starting.
    const grace = db.dialect === 'pglite' ? 0 : QUEUED_GRACE_MS;
    if (clock().getTime() - row.queuedAt.getTime() < grace) return;
    const workflow = await workflowCache.get(row.tenantId, row.workflowId);
    const [stored] = await db.system((tx) =>
      tx
        .select()
        .from(executions)
        .where(and(eq(executions.id, row.id), eq(executions.status, 'QUEUED'))),
    );
    if (!workflow || !stored) return;
    failpoint('reconcile.before-start');
    const written = await this.#parts.queued.start(stored, workflow);
    if (written) this.#repaired(written, 'restarted', row);
  }

  /** Invariant 3. */
  async #lost(row: OpenRow): Promise<void> {
    const now = this.#parts.clock().getTime();
    const since = this.#unknownSince.get(row.id);
    if (since === undefined) {
      this.#unknownSince.set(row.id, now);
      this.#parts.logger.warn({ executionId: row.id }, 'Temporal does not know the run of an open execution');
      return;
    }
    if (now - since < LOST_AFTER_MS) return;
    const errorMessage =
      'Temporal no longer knows this run: its data was lost, or its retention ended before the outcome was recorded. Retry starts it anew.';
    const end = { status: 'FAILED', errorMessage, at: this.#parts.clock(), onlyQueued: false } as const;
    this.#repaired(await this.#parts.outcome.ended(row.id, end), 'lost', row);
  }

  /** Invariant 4. A run without any row is left alone: it may be of another platform in the same namespace. */
  async #endOrphans(roots: readonly VisibleRun[], openIds: ReadonlySet<string>): Promise<void> {
    const suspects = new Map<string, VisibleRun>();
    for (const run of roots) {
      const id = parseTemporalWorkflowId(run.workflowId)?.executionId;
      if (id && !openIds.has(id)) suspects.set(id, run);
    }
    const ids = [...suspects.keys()];
    const since = new Date(this.#parts.clock().getTime() - STALE_MS);
    for (let at = 0; at < ids.length; at += BATCH) {
      const ended = await this.#parts.db.system((tx) =>
        tx
          .select({ id: executions.id, temporalWorkflowId: executions.temporalWorkflowId })
          .from(executions)
          .where(
            and(
              inArray(executions.id, ids.slice(at, at + BATCH)),
              inArray(executions.status, TERMINAL_STATUSES),
              // Visibility may show a run as open for a while after its row has ended.
              or(isNull(executions.startedAt), lt(executions.finishedAt, since)),
            ),
          ),
      );
      await forEachLimited(ended, WIDTH, async ({ id, temporalWorkflowId }) => {
        const run = suspects.get(id)!;
        if (run.workflowId !== temporalWorkflowId) return;
        // Only Temporal itself knows whether this very run is open.
        const newest = await this.#parts.temporal.describe(run.workflowId);
        if (newest?.status !== 'RUNNING') return;
        await this.#parts.temporal.terminate(run.workflowId, newest.runId, 'the execution had ended before');
        this.#repaired('written', 'orphan', { id });
      });
    }
  }

  #repaired(written: string, repair: string, { id }: { id: string }): void {
    if (written !== 'written') return;
    this.#parts.metrics.repairs.inc({ repair });
    this.#parts.logger.info({ executionId: id, repair }, 'reconciled an execution');
  }
}

const ARTIFACT_COLUMNS = {
  tenantId: workflows.tenantId,
  artifactSha256: workflows.artifactSha256,
  artifactSizeBytes: workflows.artifactSizeBytes,
  workflowName: workflows.name,
  workflowVersion: workflows.version,
  workflowId: workflows.id,
  requiredActions: REQUIRED_ACTIONS,
};

const queueOf = ({ tenantId, artifactSha256, dryRun }: ArtifactInDemand): string =>
  artifactTaskQueue(tenantId, artifactSha256, dryRun);

function countBy<T>(items: readonly T[], key: (item: T) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(key(item), (counts.get(key(item)) ?? 0) + 1);
  return counts;
}
