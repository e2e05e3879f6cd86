import {
  LIMITS,
  mutationSchema,
  PegasusError,
  recordable,
  type Mutation,
  type RecordedMutation,
} from '@pegasus-workflows/contracts';
import { and, asc, count, eq, inArray } from 'drizzle-orm';
import { type Caller, type ExecutionLookup } from '../executions/lookup.js';
import { type CallingExecution } from '../infra/context.js';
import { type Database } from '../infra/database.js';
import { dryRunMutations, executions } from '../infra/schema.js';

/**
 * Job: what dry runs would have changed, in the order of the calls.
 *
 * Boundary: rows beside the execution. The outcome writer reads them into the result of a run that completed, in the
 * statement that closes its row; whoever wants those of another run, or of one under way, reads them here.
 *
 * Invariants
 * 1. Nothing is recorded of an execution that has ended: the row is locked while its mutation is written.
 * 2. At most {@link LIMITS.dryRunMutations} per execution, each within {@link LIMITS.dryRunRecordBytes}; the call beyond
 *    fails, so that no run looks as if it had changed less than it would have.
 * 3. Masked arguments reach no row.
 */
export class Mutations {
  readonly #db: Database;
  readonly #lookup: ExecutionLookup;

  constructor({ db, lookup }: { db: Database; lookup: ExecutionLookup }) {
    this.#db = db;
    this.#lookup = lookup;
  }

  /** Keeps one call. Throws UNAUTHENTICATED when the execution has ended, PAYLOAD_TOO_LARGE beyond the bound. */
  async record(
    tenantId: string,
    execution: CallingExecution,
    mutation: Mutation,
    mask: readonly string[] = [],
  ): Promise<void> {
    const { method, capability, args, wouldReturn } = recordable(mutation, mask);
    await this.#db.tenant(tenantId, async (tx) => {
      const isThis = and(eq(executions.id, execution.id), inArray(executions.status, ['QUEUED', 'RUNNING']));
      const [open] = await tx.select({ id: executions.id }).from(executions).where(isThis).for('update');
      if (!open) throw new PegasusError('UNAUTHENTICATED', 'The execution of this runtime token has ended.');
      const ofRun = eq(dryRunMutations.executionId, execution.id);
      const [present] = await tx.select({ count: count() }).from(dryRunMutations).where(ofRun);
      if (present!.count >= LIMITS.dryRunMutations) {
        const sentence = `A dry run records at most ${LIMITS.dryRunMutations} changes; run it on a smaller input.`;
        throw new PegasusError('PAYLOAD_TOO_LARGE', sentence);
      }
      await tx
        .insert(dryRunMutations)
        .values({ tenantId, executionId: execution.id, method, capability, args, wouldReturn });
    });
  }

  /** What a dry run would have changed so far; empty for any other run. Throws NOT_FOUND. */
  async list(caller: Caller, workflowId: string, executionId: string): Promise<RecordedMutation[]> {
    const { id } = await this.#lookup.row(caller, workflowId, executionId);
    const rows = await this.#db.tenant(caller.tenantId, (tx) =>
      tx
        .select()
        .from(dryRunMutations)
        .where(eq(dryRunMutations.executionId, id))
        .orderBy(asc(dryRunMutations.seq)),
    );
    return rows.map((row) => ({
      ...mutationSchema.parse({ ...row, wouldReturn: row.wouldReturn ?? null }),
      at: row.at.toISOString(),
    }));
  }
}
