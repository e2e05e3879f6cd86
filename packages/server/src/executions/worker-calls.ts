import { PegasusError } from '@pegasus-workflows/contracts';
import { artifactInDemand, type DemandSet } from '../internal/demand.js';
import { type Caller, type ExecutionLookup } from './lookup.js';
import { type ExecutionRow } from './row.js';
import { refuseIfQuarantined } from './runnable.js';

/**
 * Job: keeps a worker in demand while a run is asked something that only its code can answer, and bounds how much of
 * that a tenant has under way.
 *
 * Boundary: one kind of question; what is asked and how long it may take is the asker's.
 *
 * Invariants
 * 1. From before the question until after its answer the artifact is in demand, so that a worker is started for a run
 *    whose worker has gone.
 * 2. A tenant has at most `limit` questions of this kind under way.
 */
export class WorkerCalls {
  readonly #parts: { lookup: ExecutionLookup; demand: DemandSet };
  readonly #kind: { plural: string; limit: number };
  readonly #underWay = new Map<string, number>();

  /** `kind.plural`: what the questions are called, such as `queries`. */
  constructor(
    parts: { lookup: ExecutionLookup; demand: DemandSet },
    kind: { plural: string; limit: number },
  ) {
    this.#parts = parts;
    this.#kind = kind;
  }

  /** Throws NOT_FOUND, WORKFLOW_QUARANTINED, CONCURRENCY_LIMIT, and what `ask` throws. */
  async hold<T>(caller: Caller, workflowId: string, row: ExecutionRow, ask: () => Promise<T>): Promise<T> {
    const { lookup, demand } = this.#parts;
    const { tenantId } = caller;
    const workflow = await lookup.workflow(caller, workflowId);
    refuseIfQuarantined(workflow);
    const { plural, limit } = this.#kind;
    const underWay = this.#underWay.get(tenantId) ?? 0;
    if (underWay >= limit) {
      const sentence = `This tenant has ${limit} ${plural} under way, which is the limit; ask again when one has ended.`;
      throw new PegasusError('CONCURRENCY_LIMIT', sentence);
    }
    this.#underWay.set(tenantId, underWay + 1);
    const release = demand.hold(artifactInDemand(workflow, row.dryRun));
    try {
      return await ask();
    } finally {
      release();
      const left = this.#underWay.get(tenantId)! - 1;
      if (left > 0) this.#underWay.set(tenantId, left);
      else this.#underWay.delete(tenantId);
    }
  }
}
