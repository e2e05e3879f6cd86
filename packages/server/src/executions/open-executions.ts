import { and, eq, inArray, isNull } from 'drizzle-orm';
import { type Database } from '../infra/database.js';
import { executions, tenants } from '../infra/schema.js';

/**
 * Job: tells whether an execution is open, at every call that one makes with its runtime token. On the embedded
 * database, where a look-up costs as much as inserting a run does, it remembers those that were just asked about.
 *
 * Boundary: one tenant's view of one row. Whether the asker may ask at all, `access/runtime-tokens.ts` has decided.
 *
 * Invariants
 * 1. Once anybody has been told that an execution ended, no look-up answers that it is open: the outcome writer calls
 *    {@link OpenExecutions.forget} after the commit and before it wakes those who wait.
 * 2. Anything else that ends the right to call, such as a disabled tenant, is seen within {@link REMEMBER_MS}.
 * 3. On PostgreSQL, where another server may end the execution, every look-up reads.
 */
export interface OpenExecution {
  id: string;
  tenantId: string;
  workflowId: string;
  dryRun: boolean;
  triggeredByUserId: string | null;
  isPlatformTenant: boolean;
}

export const REMEMBER_MS = 2_000;
const CAPACITY = 10_000;

export class OpenExecutions {
  readonly #db: Database;
  readonly #clock: () => Date;
  readonly #known = new Map<string, { open: OpenExecution; until: number }>();
  /** Counts ends, so that what was read before an end is not remembered after it. */
  #ends = 0;

  constructor({ db, clock }: { db: Database; clock: () => Date }) {
    this.#db = db;
    this.#clock = clock;
  }

  /** The execution, if it is the tenant's and open. */
  async find(tenantId: string, id: string): Promise<OpenExecution | undefined> {
    if (this.#db.dialect === 'postgres') return this.#read(tenantId, id);
    const now = this.#clock().getTime();
    const remembered = this.#known.get(id);
    if (remembered && remembered.until > now) {
      return remembered.open.tenantId === tenantId ? remembered.open : undefined;
    }
    const before = this.#ends;
    const open = await this.#read(tenantId, id);
    this.#known.delete(id);
    if (open && before === this.#ends) {
      this.#known.set(id, { open, until: now + REMEMBER_MS });
      if (this.#known.size > CAPACITY) this.#known.delete(this.#known.keys().next().value!);
    }
    return open;
  }

  /** The execution has ended (invariant 1). */
  forget(id: string): void {
    this.#ends++;
    this.#known.delete(id);
  }

  async #read(tenantId: string, id: string): Promise<OpenExecution | undefined> {
    const [row] = await this.#db.tenant(tenantId, (tx) =>
      tx
        .select({
          id: executions.id,
          tenantId: executions.tenantId,
          workflowId: executions.workflowId,
          dryRun: executions.dryRun,
          triggeredByUserId: executions.triggeredByUserId,
          isPlatformTenant: tenants.isPlatform,
        })
        .from(executions)
        .innerJoin(tenants, eq(tenants.id, executions.tenantId))
        .where(
          and(
            eq(executions.id, id),
            eq(executions.tenantId, tenantId),
            inArray(executions.status, ['QUEUED', 'RUNNING']),
            isNull(tenants.disabledAt),
          ),
        ),
    );
    return row;
  }
}
