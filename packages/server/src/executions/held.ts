import { failpoint, type FairLimit, type Logger } from '@pegasus-workflows/kit';
import { sql } from 'drizzle-orm';
import { type Database } from '../infra/database.js';
import { periodic, type Stoppable } from '../infra/periodic.js';
import { forEachLimited } from '../infra/pool.js';
import { type QueuedRuns } from './queued.js';
import { executionRowOf, type ExecutionRow } from './row.js';
import { STARTS_PER_PLACE } from './starter.js';
import { type WorkflowCache } from './workflow-cache.js';

/**
 * Job: lets held runs go: those whose time has come, as many of each concurrency key as its limit allows, the most
 * urgent and then the oldest first.
 *
 * Boundary: the column `held`. Letting go is one statement under a lock that all servers of the database share; the
 * start comes after its commit, and is the reconciler's when a crash comes in between.
 *
 * Invariants
 * 1. Of the open rows with one concurrency key of a tenant, at most the limit of the last one let go are not held.
 * 2. A row is let go once, and never before its `start_after`.
 * 3. A row that may go is let go within {@link LOOK_AGAIN_MS}, whichever server frees its place; while other tenants start
 *    runs too, those of one that has many at once follow as they can be started, so that a pass is short for everybody.
 */
const LOOK_AGAIN_MS = 1_000;
/** Any number will do, as long as every Pegasus server takes the same one. */
const RELEASE_LOCK = 0x7065_6862;
const BATCH = 200;
const WIDTH = 16;

export interface HeldRunsParts {
  db: Database;
  logger: Logger;
  clock: () => Date;
  queued: QueuedRuns;
  workflowCache: WorkflowCache;
  turns: FairLimit;
}

export class HeldRuns {
  readonly #parts: HeldRunsParts;
  /** Passes run one after another. */
  #pass: Promise<void> = Promise.resolve();
  #again: Promise<void> | undefined;
  #stopped = false;

  constructor(parts: HeldRunsParts) {
    this.#parts = parts;
  }

  start(): Stoppable {
    const passes = periodic('held runs', LOOK_AGAIN_MS, () => this.release(), this.#parts.logger);
    return {
      stop: async () => {
        this.#stopped = true;
        await passes.stop();
        await this.#pass.catch(() => undefined);
      },
    };
  }

  /** A place may have become free. What fails is tried again by the periodic pass. */
  kick(): void {
    if (!this.#stopped) this.release().catch(() => undefined);
  }

  /** Lets go what may go now, and resolves when Temporal was asked to start it. */
  release(): Promise<void> {
    // One that has not begun yet sees everything that is committed now.
    this.#again ??= this.#pass
      .catch(() => undefined)
      .then(() => {
        this.#again = undefined;
        this.#pass = this.#release();
        return this.#pass;
      });
    return this.#again;
  }

  async #release(): Promise<void> {
    const { workflowCache, queued } = this.#parts;
    for (;;) {
      const rows = await this.#letGo();
      failpoint('held.after-release');
      await forEachLimited(rows, WIDTH, async (row) => {
        const workflow = await workflowCache.get(row.tenantId, row.workflowId);
        if (workflow) await queued.start(row, workflow);
      });
      if (rows.length < BATCH) return;
    }
  }

  /** Invariants 1 and 2. */
  async #letGo(): Promise<ExecutionRow[]> {
    const { db, clock, turns } = this.#parts;
    const now = clock().toISOString();
    // While others are about, a second's worth: a pass waits for the starts of all.
    const ofTenant = turns.isShared ? STARTS_PER_PLACE * turns.places : BATCH;
    return db.system(async (tx) => {
      const due = await tx.execute(
        sql`select 1 from executions where held and status = 'QUEUED' and (start_after is null or start_after <= ${now}) limit 1`,
      );
      if (due.rows.length === 0) return [];
      await tx.execute(sql`select pg_advisory_xact_lock(${RELEASE_LOCK})`);
      const released = await tx.execute(sql`
        with due as (
          select id, tenant_id, concurrency_key, coalesce(concurrency_limit, 1) as most, coalesce(priority, 3) as urgency, queued_at,
            row_number() over (
              partition by tenant_id, concurrency_key order by coalesce(priority, 3), queued_at, id) as place
          from executions
          where held and status = 'QUEUED' and (start_after is null or start_after <= ${now})
        ), busy as (
          select tenant_id, concurrency_key, count(*) as n from executions
          where concurrency_key is not null and status in ('QUEUED', 'RUNNING') and not held
          group by tenant_id, concurrency_key
        ), free as (
          select due.id, due.urgency, due.queued_at,
            row_number() over (partition by tenant_id order by due.urgency, due.queued_at, due.id) as of_tenant
          from due left join busy using (tenant_id, concurrency_key)
          where due.concurrency_key is null or coalesce(busy.n, 0) + due.place <= due.most
        )
        update executions e set held = false, updated_at = now()
        where e.held and e.status = 'QUEUED' and e.id in (
          select id from free where of_tenant <= ${ofTenant}
          order by urgency, queued_at, id limit ${BATCH})
        returning e.*`);
      return released.rows
        .map(executionRowOf)
        .sort((a, b) => (a.priority ?? 3) - (b.priority ?? 3) || a.queuedAt.getTime() - b.queuedAt.getTime());
    });
  }
}
