import { randomUUID } from 'node:crypto';
import {
  artifactTaskQueue,
  type Action,
  type Demand,
  type DemandedArtifact,
} from '@pegasus-workflows/contracts';
import { type RunnableWorkflow } from '../executions/workflow-cache.js';
import { Wakeups } from '../infra/wakeups.js';

/**
 * Job: the set of artifacts that need a worker now: those with an open run, those whose runs are being queried, and
 * those just published.
 *
 * Boundary: memory of this process, made anew at start from the rows and by every reconciler pass from the rows and
 * Temporal's visibility (child and abandoned runs). With several servers, another one's start shows within one pass.
 *
 * Invariants
 * 1. An artifact is in the set before its run is asked of Temporal, and as long as a run of it is known to be open or
 *    somebody holds it.
 * 2. Only a pass removes an artifact, and never one that came in after the pass began to look. So a series of short
 *    runs does not flicker.
 * 3. A suspended artifact is in nobody's answer, whoever wants it; once it is resumed, what wanted it meanwhile does so again.
 * 4. The cursor changes when and only when the answer does, and no cursor of another process is ever taken for one of
 *    this one.
 */
export const PREWARM_MS = 120_000;

export interface ArtifactInDemand {
  tenantId: string;
  workflowId: string;
  artifactSha256: string;
  artifactSizeBytes: number;
  workflowName: string;
  workflowVersion: string;
  /** Of the manifest; null when it declares none. */
  requiredActions: Action[] | null;
  dryRun: boolean;
}

/** What a run of a version needs a worker for. */
export function artifactInDemand(workflow: RunnableWorkflow, dryRun: boolean): ArtifactInDemand {
  return {
    tenantId: workflow.tenantId,
    workflowId: workflow.id,
    artifactSha256: workflow.artifactSha256,
    artifactSizeBytes: workflow.artifactSizeBytes,
    workflowName: workflow.name,
    workflowVersion: workflow.version,
    requiredActions: workflow.requiredActions,
    dryRun,
  };
}

/** Whether an artifact is kept back, and the tick at which that was last said here. */
interface Suspension {
  inForce: boolean;
  touched: number;
}

interface Entry {
  artifact: ArtifactInDemand;
  open: boolean;
  prewarmUntil: number;
  /** The tick at which a run of it was last started here. */
  touched: number;
  /** How many hold it. */
  holds: number;
}

const KEY = 'demand';

export class DemandSet {
  readonly #clock: () => Date;
  readonly #entries = new Map<string, Entry>();
  readonly #suspensions = new Map<string, Suspension>();
  readonly #wakeups = new Wakeups();
  readonly #epoch = randomUUID();
  #version = 0;
  #tick = 0;

  constructor(clock: () => Date) {
    this.#clock = clock;
  }

  /** A run of it is about to start. */
  open(artifact: ArtifactInDemand): void {
    const { entry, isNew } = this.#entry(artifact);
    entry.touched = ++this.#tick;
    if (entry.open && !isNew) return;
    entry.open = true;
    this.#changed();
  }

  /** It needs a worker until the answer is called, whether or not a run of it is open. */
  hold(artifact: ArtifactInDemand): () => void {
    this.open(artifact);
    const { entry } = this.#entry(artifact);
    entry.holds++;
    let held = true;
    return () => {
      if (held) entry.holds--;
      held = false;
    };
  }

  /** It was just published: a worker for the next {@link PREWARM_MS} spares the first run its cold start. */
  prewarm(artifact: ArtifactInDemand): void {
    const { entry, isNew } = this.#entry(artifact);
    entry.prewarmUntil = this.#clock().getTime() + PREWARM_MS;
    if (isNew) this.#changed();
  }

  /** Its workers crash: none is wanted until {@link DemandSet.resume} (invariant 3). */
  suspend(tenantId: string, artifactSha256: string): void {
    this.#setSuspended(keyOf({ tenantId, artifactSha256 }), true, ++this.#tick);
  }

  resume(tenantId: string, artifactSha256: string): void {
    this.#setSuspended(keyOf({ tenantId, artifactSha256 }), false, ++this.#tick);
  }

  /** Suspends what a pass found to be suspended and nothing else, but for what was said since it began to look. */
  suspendOnly(
    begunAt: number,
    found: readonly Pick<ArtifactInDemand, 'tenantId' | 'artifactSha256'>[],
  ): void {
    const inForce = new Set(found.map(keyOf));
    for (const key of new Set([...inForce, ...this.#suspensions.keys()])) {
      const present = this.#suspensions.get(key);
      if (present && present.touched > begunAt) continue;
      this.#setSuspended(key, inForce.has(key), begunAt);
      if (!inForce.has(key)) this.#suspensions.delete(key);
    }
  }

  /** Call before looking at rows and visibility; hand the answer to {@link DemandSet.endPass}. */
  beginPass(): number {
    return this.#tick;
  }

  /** Makes the set what a pass found, except for what was started since it began (invariant 2). */
  endPass(begunAt: number, found: readonly ArtifactInDemand[]): void {
    const now = this.#clock().getTime();
    const stillOpen = new Set(found.map(queueOf));
    let changed = false;
    for (const artifact of found) {
      const { entry } = this.#entry(artifact);
      changed ||= !entry.open;
      entry.open = true;
    }
    for (const [queue, entry] of this.#entries) {
      if (stillOpen.has(queue) || entry.touched > begunAt || entry.holds > 0) continue;
      changed ||= entry.open;
      entry.open = false;
      if (entry.prewarmUntil > now) continue;
      this.#entries.delete(queue);
      changed = true;
    }
    if (changed) this.#changed();
  }

  /** All artifacts in demand now. */
  snapshot(): Demand {
    const wanted = [...this.#entries].filter(
      ([, { artifact }]) => !this.#suspensions.get(keyOf(artifact))?.inForce,
    );
    const artifacts = wanted.map(([taskQueue, { artifact, open }]): DemandedArtifact => ({
      ...artifact,
      requiredActions: artifact.requiredActions ?? [],
      taskQueue,
      reason: open ? 'open' : 'prewarm',
    }));
    return { cursor: `${this.#epoch}.${this.#version}`, artifacts };
  }

  /** Answers at once when `cursor` is not the present one, else at the next change or after `timeoutMs`. */
  async next(cursor: string | undefined, timeoutMs: number, signal?: AbortSignal): Promise<Demand> {
    if (cursor === this.snapshot().cursor) await this.#wakeups.next(KEY, timeoutMs, signal);
    return this.snapshot();
  }

  /** Answers everybody who waits. */
  close(): void {
    this.#wakeups.close();
  }

  #entry(artifact: ArtifactInDemand): { entry: Entry; isNew: boolean } {
    const queue = queueOf(artifact);
    const present = this.#entries.get(queue);
    if (present) return { entry: present, isNew: false };
    const entry = { artifact, open: false, prewarmUntil: 0, touched: 0, holds: 0 };
    this.#entries.set(queue, entry);
    return { entry, isNew: true };
  }

  #setSuspended(key: string, inForce: boolean, touched: number): void {
    const before = this.#suspensions.get(key)?.inForce ?? false;
    this.#suspensions.set(key, { inForce, touched });
    if (before !== inForce) this.#changed();
  }

  #changed(): void {
    this.#version++;
    this.#wakeups.wake(KEY);
  }
}

function keyOf({ tenantId, artifactSha256 }: Pick<ArtifactInDemand, 'tenantId' | 'artifactSha256'>): string {
  return `${tenantId}/${artifactSha256}`;
}

function queueOf(artifact: ArtifactInDemand): string {
  return artifactTaskQueue(artifact.tenantId, artifact.artifactSha256, artifact.dryRun);
}
