/**
 * Job: runtime tokens for the executions whose activities a worker runs.
 *
 * Boundary: signs with a key derived from the runner token, which no worker ever sees. What a worker says of a run is
 * not believed beyond its tenant and the artifacts that were loaded there; whether the execution is open, and of that
 * workflow version, the server asks its rows at every call.
 *
 * Invariants
 * 1. A token names the tenant of the process that asked, and the version and actions of an artifact loaded there.
 * 2. An activity of a child run acts for the execution at the root of its tree, as Temporal tells it.
 * 3. Temporal is asked once per child run, as long as it is among the last {@link CAPACITY}; a failure is not kept.
 */
import {
  parseTemporalWorkflowId,
  tenantWorkflowId,
  type DemandedArtifact,
} from '@pegasus-workflows/contracts';
import { type RuntimeTokens } from '@pegasus-workflows/kit';

/** A run in Temporal's words; an empty run id is the newest run of the workflow id. */
export interface TemporalRun {
  workflowId: string;
  runId: string;
}

/** The workflow id at the root of a run's tree; `undefined` when Temporal does not know the run. */
export type RootOf = (run: TemporalRun) => Promise<string | undefined>;

export interface MintedToken {
  token: string;
  /** Milliseconds from now until it expires. */
  lifetimeMs: number;
}

const CAPACITY = 1_000;

export class TokenMint {
  readonly #roots = new Map<string, Promise<string | undefined>>();

  constructor(
    private readonly tokens: RuntimeTokens,
    private readonly lifetimeSeconds: number,
    private readonly rootOf: RootOf,
  ) {}

  /**
   * A token for the execution that a run belongs to; `undefined` when it belongs to none of the tenant's.
   *
   * @param run named as its author names it
   */
  async mint(artifact: DemandedArtifact, run: TemporalRun): Promise<MintedToken | undefined> {
    const { tenantId, workflowId, requiredActions } = artifact;
    if (workflowId === undefined) return undefined;
    const executionId = await this.executionOf(tenantId, run);
    if (executionId === undefined) return undefined;
    const claims = { executionId, tenantId, workflowId, actions: requiredActions };
    const token = await this.tokens.sign(claims, this.lifetimeSeconds);
    return { token, lifetimeMs: this.lifetimeSeconds * 1_000 };
  }

  /** The execution that a run belongs to, if it is one of the tenant's. The run is named as its author names it. */
  async executionOf(
    tenantId: string,
    { workflowId: authored, runId }: TemporalRun,
  ): Promise<string | undefined> {
    const workflowId = tenantWorkflowId(tenantId, authored);
    if (workflowId === undefined) return undefined;
    const execution =
      parseTemporalWorkflowId(workflowId) ??
      parseTemporalWorkflowId((await this.#root({ workflowId, runId })) ?? '');
    return execution?.tenantId === tenantId ? execution.executionId : undefined;
  }

  #root(run: TemporalRun): Promise<string | undefined> {
    const key = `${run.workflowId}/${run.runId}`;
    const known = this.#roots.get(key);
    if (known) return known;
    const asked = this.rootOf(run);
    this.#roots.set(key, asked);
    if (this.#roots.size > CAPACITY) this.#roots.delete(this.#roots.keys().next().value!);
    asked.catch(() => this.#roots.delete(key));
    return asked;
  }
}
