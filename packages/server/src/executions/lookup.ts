import { PegasusError } from '@pegasus-workflows/contracts';
import { type OutcomeWriter } from './outcome.js';
import { type ExecutionRow } from './row.js';
import { type ExecutionStore } from './store.js';
import { type RunnableWorkflow, type WorkflowCache } from './workflow-cache.js';

/** Who makes a call. */
export interface Caller {
  tenantId: string;
  principalId: string;
}

export interface LookupParts {
  store: ExecutionStore;
  outcome: OutcomeWriter;
  workflowCache: WorkflowCache;
  /** Executions that a request of this process is starting. */
  starting: ReadonlyMap<string, Promise<unknown>>;
}

/** Finds what a call is about, for one tenant; what is another's does not exist. */
export class ExecutionLookup {
  readonly #parts: LookupParts;

  constructor(parts: LookupParts) {
    this.#parts = parts;
  }

  /** The workflow version as the caller may see it. Throws NOT_FOUND. */
  async workflow(caller: Caller, workflowId: string): Promise<RunnableWorkflow> {
    const workflow = await this.#parts.workflowCache.get(caller.tenantId, workflowId);
    if (workflow) return workflow;
    throw new PegasusError('NOT_FOUND', 'There is no workflow with this id.');
  }

  /** The row as everything this process knows has it. Throws NOT_FOUND. */
  async row(caller: Caller, workflowId: string, id: string): Promise<ExecutionRow> {
    const row = await this.find(caller, workflowId, id);
    if (row) return row;
    throw new PegasusError('NOT_FOUND', 'There is no execution with this id in this workflow.');
  }

  /** As {@link ExecutionLookup.row}; undefined where that throws NOT_FOUND. */
  async find(caller: Caller, workflowId: string, id: string): Promise<ExecutionRow | undefined> {
    await this.#parts.outcome.settled(id);
    return this.#parts.store.get(caller.tenantId, workflowId, id);
  }

  /** The row once nobody here is starting its run any more. Throws NOT_FOUND. */
  async settledRow(caller: Caller, workflowId: string, id: string): Promise<ExecutionRow> {
    // Before anything is waited for: whose execution it is.
    await this.row(caller, workflowId, id);
    await this.#parts.starting.get(id);
    return this.row(caller, workflowId, id);
  }
}
