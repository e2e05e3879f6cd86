/**
 * Job: all tenants of this machine: who is in demand, who is idle, who takes too much memory.
 *
 * Boundary: takes whole demands from `demand-loop.ts`; acts through `Tenant`. What to evict is decided by `eviction.ts`.
 *
 * Invariants
 * 1. One `Tenant`, hence one process in use, per tenant id.
 * 2. What the newest demand calls `open` is wanted, always, unless the server has just been told to keep it back; memory
 *    never evicts it.
 * 3. What was evicted for memory while only `prewarm` comes back when it is `open`, or demanded anew.
 * 4. Without news from the server the last demand stays in force: nothing becomes idle because the server is away.
 */
import { artifactTaskQueue, type Demand, type DemandedArtifact } from '@pegasus-workflows/contracts';
import { planEviction, type MomentView, type ProcessView } from './eviction.js';
import { type SupervisorSettings } from './settings.js';
import { SpareWorker } from './spare.js';
import { residentBytes } from './tenant-process.js';
import { Tenant, type TenantContext } from './tenant.js';
import { type WorkerChild } from './worker-child.js';

const SWEEP_MS = 1_000;

interface Tracked {
  artifact: DemandedArtifact;
  demand: 'open' | 'prewarm' | 'none';
  lastDemandedAt: number;
  /** Evicted for memory (invariant 3). */
  evicted: boolean;
}

/** What the processes of all tenants share. */
export type PoolParts = Pick<
  TenantContext,
  'cache' | 'mint' | 'gateway' | 'payloadKeys' | 'blobTarget' | 'logs' | 'onClosed' | 'onCrashLoop' | 'logger'
> & {
  spawn: () => WorkerChild;
  /** A tenant has it from now on. */
  onTaken: (worker: WorkerChild, tenantId: string) => void;
};

export class TenantPool {
  readonly #tenants = new Map<string, Tenant>();
  readonly #tracked = new Map<string, Tracked>();
  readonly #spare: SpareWorker;
  #timer: NodeJS.Timeout | undefined;
  #sweeping: Promise<void> | undefined;
  #saidOverBudget = false;

  constructor(
    private readonly settings: SupervisorSettings,
    private readonly parts: PoolParts,
  ) {
    this.#spare = new SpareWorker(parts.spawn);
  }

  start(): void {
    this.#spare.fill();
    this.#timer = setInterval(() => {
      this.#sweeping ??= this.#sweep()
        .catch((error: unknown) => this.parts.logger.error({ err: error }, 'sweep failed'))
        .finally(() => (this.#sweeping = undefined));
    }, SWEEP_MS);
  }

  /** Puts a whole demand in force. */
  apply(demand: Demand): void {
    const now = performance.now();
    const inDemand = new Set<string>();
    for (const artifact of demand.artifacts) {
      if (
        artifact.taskQueue !== artifactTaskQueue(artifact.tenantId, artifact.artifactSha256, artifact.dryRun)
      ) {
        this.parts.logger.error(
          { taskQueue: artifact.taskQueue },
          'demand names a task queue that is not the artifact’s',
        );
        continue;
      }
      inDemand.add(artifact.taskQueue);
      this.#want(artifact, now);
    }
    for (const [taskQueue, tracked] of this.#tracked) {
      if (inDemand.has(taskQueue) || tracked.demand === 'none') continue;
      tracked.demand = 'none';
      tracked.lastDemandedAt = now;
      if (tracked.evicted) this.#tracked.delete(taskQueue);
    }
  }

  /** The server keeps an artifact back from now on; a later demand for it means that it was released. */
  quarantined(tenantId: string, artifactSha256: string): void {
    const queues = [...this.#tracked]
      .filter(
        ([, { artifact }]) => artifact.tenantId === tenantId && artifact.artifactSha256 === artifactSha256,
      )
      .map(([taskQueue]) => taskQueue);
    for (const taskQueue of queues) this.#tracked.delete(taskQueue);
    this.#tenants.get(tenantId)?.quarantined(queues, artifactSha256);
  }

  /** Drains every process; resolves when all are gone. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#sweeping;
    await Promise.all([this.#spare.close(), ...[...this.#tenants.values()].map((tenant) => tenant.close())]);
  }

  #want(artifact: DemandedArtifact, now: number): void {
    const tracked = this.#tracked.get(artifact.taskQueue);
    const evicted = tracked?.evicted === true && artifact.reason === 'prewarm';
    this.#tracked.set(artifact.taskQueue, {
      artifact,
      demand: artifact.reason,
      lastDemandedAt: now,
      evicted,
    });
    if (!evicted) this.#tenant(artifact.tenantId).want(artifact);
  }

  #tenant(tenantId: string): Tenant {
    let tenant = this.#tenants.get(tenantId);
    if (!tenant) {
      const { serverUrl, egress, drainMs, slots, crashLimits } = this.settings;
      const { spawn: _spawn, onTaken, logger, ...shared } = this.parts;
      tenant = new Tenant({
        ...shared,
        tenantId,
        serverUrl,
        egress,
        drainMs,
        slots,
        crashLimits,
        takeWorker: () => {
          const worker = this.#spare.take();
          onTaken(worker, tenantId);
          return worker;
        },
        logger: logger.child({ tenantId }),
      });
      this.#tenants.set(tenantId, tenant);
    }
    return tenant;
  }

  async #sweep(): Promise<void> {
    for (const tenant of this.#tenants.values()) tenant.process?.probe();
    const plan = planEviction(await this.#view());
    for (const { taskQueue, reason } of plan.unload) this.#evict(taskQueue, reason);
    if (plan.dropSpare) this.#spare.drop();
    for (const tenantId of plan.replace) {
      this.parts.logger.warn({ tenantId }, 'worker process is over its memory cap; replacing it');
      this.#tenants.get(tenantId)?.replace();
    }
    if (plan.overBudget && !this.#saidOverBudget)
      this.parts.logger.warn('over the memory budget, and every loaded artifact has an open run');
    this.#saidOverBudget = plan.overBudget;
    for (const [tenantId, tenant] of this.#tenants) if (tenant.empty) this.#tenants.delete(tenantId);
  }

  #evict(taskQueue: string, reason: 'idle' | 'memory'): void {
    const tracked = this.#tracked.get(taskQueue);
    // Demanded again while the picture was taken.
    if (!tracked || tracked.demand === 'open') return;
    if (tracked.demand === 'prewarm') tracked.evicted = true;
    else this.#tracked.delete(taskQueue);
    this.parts.logger.info({ taskQueue, reason }, 'evicting');
    this.#tenants.get(tracked.artifact.tenantId)?.unwant(taskQueue);
  }

  async #view(): Promise<MomentView> {
    const { idleMs, memoryBytes, tenantMemoryBytes } = this.settings;
    const byTenant = new Map<string, ProcessView>();
    for (const [tenantId, tenant] of this.#tenants) {
      const startedAt = tenant.process?.startedAt ?? performance.now();
      byTenant.set(tenantId, { tenantId, rssBytes: await tenant.rssBytes(), startedAt, queues: [] });
    }
    const spareBytes = (await residentBytes(this.#spare.pid)) ?? 0;
    for (const [taskQueue, { artifact, demand, lastDemandedAt, evicted }] of this.#tracked)
      if (!evicted) byTenant.get(artifact.tenantId)?.queues.push({ taskQueue, demand, lastDemandedAt });
    return {
      now: performance.now(),
      idleMs,
      budgetBytes: memoryBytes,
      tenantBytes: tenantMemoryBytes,
      settling: [...this.#tenants.values()].some((tenant) => tenant.busy),
      spareBytes,
      processes: [...byTenant.values()],
    };
  }
}
