import { PegasusError, type ExecutionStatus } from '@pegasus-workflows/contracts';
import { and, count, eq, getTableColumns, gte, inArray, lt, or, sql } from 'drizzle-orm';
import { type Database } from '../infra/database.js';
import { executions } from '../infra/schema.js';
import { type ExecutionRow } from './row.js';
import { type RunPlan } from './run-options.js';

/** What a new execution's row begins with; the rest follows from the database's defaults. */
export type NewExecution = RunPlan &
  Pick<ExecutionRow, 'id' | 'tenantId' | 'workflowId' | 'temporalWorkflowId' | 'triggeredByUserId'>;

/** Which executions a page holds. */
export interface PageQuery {
  limit: number;
  /** The id of the last row of the previous page. */
  before?: string | undefined;
  status?: readonly ExecutionStatus[] | undefined;
  /** Created at or after this instant, ISO 8601. */
  since?: string | undefined;
  /** Created before this instant, ISO 8601. */
  until?: string | undefined;
}

/** As the indexes are: without `nulls last`, PostgreSQL would sort, though no column can be null. */
const NEWEST_FIRST = [sql`${executions.createdAt} desc nulls last`, sql`${executions.id} desc nulls last`];

/** What the inputs and results of a page may have together, in bytes of JSON, beside its last row's. */
export const PAGE_BYTES = 32 * 1024 * 1024;
const VALUE_BYTES =
  sql<number>`coalesce(octet_length(${executions.input}::text), 0) + coalesce(octet_length(${executions.result}::text), 0)`.as(
    'bytes',
  );

/** The statements of the API on executions; each call is one transaction confined to the caller's tenant. */
export class ExecutionStore {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Inserts a QUEUED row; when the tenant's idempotency key is taken, answers with the row that has it. */
  insert(row: NewExecution): Promise<{ row: ExecutionRow; isNew: boolean }> {
    return this.#db.tenant(row.tenantId, async (tx) => {
      const [inserted] = await tx
        .insert(executions)
        .values({ ...row, status: 'QUEUED', triggerSource: 'USER' })
        .onConflictDoNothing()
        .returning();
      if (inserted) return { row: inserted, isNew: true };
      const [present] = await tx
        .select()
        .from(executions)
        .where(eq(executions.idempotencyKey, row.idempotencyKey ?? ''));
      if (!present) throw new PegasusError('CONFLICT', 'this Idempotency-Key is in use; repeat the request');
      return { row: present, isNew: false };
    });
  }

  /** Inserts a held row, or gives the held one with its debounce key the new input and time. */
  debounce(row: NewExecution): Promise<{ row: ExecutionRow; isNew: boolean }> {
    return this.#db.tenant(row.tenantId, async (tx) => {
      const [stored] = await tx
        .insert(executions)
        .values({ ...row, status: 'QUEUED', triggerSource: 'USER' })
        .onConflictDoUpdate({
          target: [executions.tenantId, executions.workflowId, executions.debounceKey],
          targetWhere: sql`debounce_key is not null and held and status = 'QUEUED'`,
          set: {
            input: row.input,
            dryRun: row.dryRun,
            priority: row.priority,
            startAfter: row.startAfter,
            concurrencyKey: row.concurrencyKey,
            concurrencyLimit: row.concurrencyLimit,
            triggeredByUserId: row.triggeredByUserId,
            updatedAt: sql`now()`,
          },
        })
        .returning();
      return { row: stored!, isNew: stored!.id === row.id };
    });
  }

  async byIdempotencyKey(tenantId: string, key: string): Promise<ExecutionRow | undefined> {
    const [row] = await this.#db.tenant(tenantId, (tx) =>
      tx
        .select()
        .from(executions)
        .where(and(eq(executions.tenantId, tenantId), eq(executions.idempotencyKey, key))),
    );
    return row;
  }

  async get(tenantId: string, workflowId: string, id: string): Promise<ExecutionRow | undefined> {
    const [row] = await this.#db.tenant(tenantId, (tx) =>
      tx
        .select()
        .from(executions)
        .where(
          and(
            eq(executions.id, id),
            eq(executions.tenantId, tenantId),
            eq(executions.workflowId, workflowId),
          ),
        ),
    );
    return row;
  }

  /**
   * A page, newest first; rows of one instant are ordered by id, so pages neither repeat nor skip a row. It ends early
   * where its inputs and results reach {@link PAGE_BYTES}, after one row at least.
   * The cursor is a place in time, so it need not pass the filters itself, nor go on passing them. Throws
   * VALIDATION_ERROR when `before` is not an execution of this workflow and tenant, or `since` is after `until`.
   */
  async list(
    tenantId: string,
    workflowId: string,
    { limit, before, status, since, until }: PageQuery,
  ): Promise<ExecutionRow[]> {
    const from = since === undefined ? undefined : instant(since);
    const to = until === undefined ? undefined : instant(until);
    if (from && to && from > to) {
      throw new PegasusError(
        'VALIDATION_ERROR',
        `since: ${since} is after until: ${until}; exchange the two.`,
      );
    }
    return this.#db.tenant(tenantId, async (tx) => {
      const ofWorkflow = and(eq(executions.tenantId, tenantId), eq(executions.workflowId, workflowId));
      const [cursor] = before
        ? await tx
            .select({ createdAt: executions.createdAt, id: executions.id })
            .from(executions)
            .where(and(ofWorkflow, eq(executions.id, before)))
        : [];
      if (before && !cursor) {
        throw new PegasusError(
          'VALIDATION_ERROR',
          'before: is not an execution of this workflow; give the id of the last row of the previous page.',
        );
      }
      const older = cursor
        ? or(
            lt(executions.createdAt, cursor.createdAt),
            and(eq(executions.createdAt, cursor.createdAt), lt(executions.id, cursor.id)),
          )
        : undefined;
      const page = tx
        .select({ id: executions.id, createdAt: executions.createdAt, bytes: VALUE_BYTES })
        .from(executions)
        .where(
          and(
            ofWorkflow,
            older,
            status && inArray(executions.status, [...status]),
            from && gte(executions.createdAt, from),
            to && lt(executions.createdAt, to),
          ),
        )
        .orderBy(...NEWEST_FIRST)
        .limit(limit)
        .as('page');
      const preceding = sql<number>`coalesce(sum(${page.bytes}) over (
        order by ${page.createdAt} desc, ${page.id} desc rows between unbounded preceding and 1 preceding
      ), 0)`;
      const running = tx
        .select({ id: page.id, before: preceding.as('before') })
        .from(page)
        .as('running');
      return tx
        .select(getTableColumns(executions))
        .from(executions)
        .innerJoin(running, and(eq(running.id, executions.id), lt(running.before, PAGE_BYTES)))
        .orderBy(...NEWEST_FIRST);
    });
  }

  /** How many executions the tenant has started since an instant. */
  async countSince(tenantId: string, since: Date): Promise<number> {
    const [row] = await this.#db.tenant(tenantId, (tx) =>
      tx
        .select({ n: count() })
        .from(executions)
        .where(and(eq(executions.tenantId, tenantId), gte(executions.createdAt, since))),
    );
    return row?.n ?? 0;
  }
}

/** Nothing is older than the epoch, and the database does not know the year 0. */
function instant(text: string): Date {
  return new Date(Math.max(0, Date.parse(text)));
}
