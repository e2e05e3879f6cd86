import { type Action, type Quarantine } from '@pegasus-workflows/contracts';
import { eq, sql } from 'drizzle-orm';
import { type Database } from '../infra/database.js';
import { workflows } from '../infra/schema.js';

/** What starting a run needs to know of its workflow version. */
export interface RunnableWorkflow {
  id: string;
  tenantId: string;
  name: string;
  version: string;
  visibility: 'GLOBAL' | 'TENANT';
  executable: boolean;
  workflowType: string | null;
  /** Of the whole run; no limit when null. */
  timeoutSeconds: number | null;
  /** What its executions may do through their runtime tokens. */
  requiredActions: Action[] | null;
  artifactSha256: string;
  artifactSizeBytes: number;
  /** It starts nothing any more. */
  retired: boolean;
  /** Why it starts nothing for now. */
  quarantine: Quarantine | null;
}

/** How much later than here another server notices that a version was retired, or quarantined. */
const REMEMBER_MS = 5_000;
const CAPACITY = 2_000;

/** From the manifest; null when it declares none. */
export const REQUIRED_ACTIONS = sql<Action[] | null>`${workflows.manifest} -> 'requiredActions'`;

const COLUMNS = {
  id: workflows.id,
  tenantId: workflows.tenantId,
  name: workflows.name,
  version: workflows.version,
  visibility: workflows.visibility,
  executable: workflows.executable,
  workflowType: workflows.workflowType,
  // Not the whole manifest, which holds the diagram.
  timeoutSeconds: sql<number | null>`(${workflows.manifest} ->> 'timeoutSeconds')::int`,
  requiredActions: REQUIRED_ACTIONS,
  artifactSha256: workflows.artifactSha256,
  artifactSizeBytes: workflows.artifactSizeBytes,
  retired: sql<boolean>`${workflows.retiredAt} is not null`,
  quarantine: sql<Quarantine | null>`case when ${workflows.quarantinedAt} is not null then ${workflows.quarantine} end`,
};

/**
 * Job: spares a statement per run by remembering published versions, which never change but for being retired or quarantined.
 *
 * Boundary: ids in, versions out, visible to the asking tenant or nothing. The newest {@link CAPACITY} are kept.
 *
 * Invariants
 * 1. A version is answered only to its own tenant, or to anyone when GLOBAL, whether it was remembered or not.
 * 2. Only what exists is remembered: a version published later is found at once.
 * 3. A version retired, quarantined or released by another server is known to be so after {@link REMEMBER_MS}; by this one, at once.
 */
export class WorkflowCache {
  readonly #db: Database;
  readonly #known = new Map<string, { workflow: RunnableWorkflow; until: number }>();

  constructor(db: Database) {
    this.#db = db;
  }

  /** The version as the tenant may see it; `undefined` when it does not exist or is another tenant's. */
  async get(tenantId: string, workflowId: string): Promise<RunnableWorkflow | undefined> {
    const known = this.#known.get(workflowId);
    const isFresh = known && (known.workflow.retired || known.until > performance.now());
    const workflow = isFresh ? known.workflow : await this.#load(tenantId, workflowId);
    return workflow && (workflow.visibility === 'GLOBAL' || workflow.tenantId === tenantId)
      ? workflow
      : undefined;
  }

  /** Its row has changed. */
  forget(workflowId: string): void {
    this.#known.delete(workflowId);
  }

  async #load(tenantId: string, workflowId: string): Promise<RunnableWorkflow | undefined> {
    const [workflow] = await this.#db.tenant(tenantId, (tx) =>
      tx.select(COLUMNS).from(workflows).where(eq(workflows.id, workflowId)),
    );
    if (!workflow) return undefined;
    this.#known.delete(workflowId);
    this.#known.set(workflowId, { workflow, until: performance.now() + REMEMBER_MS });
    if (this.#known.size > CAPACITY) this.#known.delete(this.#known.keys().next().value!);
    return workflow;
  }
}
