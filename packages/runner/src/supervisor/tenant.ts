/**
 * Job: keep what is wanted of one tenant loaded in that tenant's one worker process, whatever fails.
 *
 * Boundary: is told what is wanted (`want`, `unwant`); knows nothing of demand, idleness or memory budgets. Every event
 * ends in `#converge`, which compares what is wanted with what is, and starts the next step.
 *
 * Invariants
 * 1. At most one process is in use; a replaced one only drains. A process never serves two tenants.
 * 2. A slot takes one step at a time (acquire and load, or unload), each of which settles.
 * 3. A failed load delays only its own artifact, with backoff; it is tried again as long as it is wanted.
 * 4. A process that dies is started again with backoff, and everything wanted is loaded again.
 * 5. An artifact whose load took the process down is loaded alone from then on, so that it can take no other with it for long.
 * 6. With nothing wanted and nothing loaded there is no process.
 * 7. No process starts before the tenant's payload keys are known; once they are, none waits for the server.
 */
import { type DemandedArtifact, type PayloadKeySet } from '@pegasus-workflows/contracts';
import { failpoint } from '@pegasus-workflows/kit';
import { type ArtifactCache, type ArtifactLease } from './artifact-cache.js';
import { backoffMs } from './backoff.js';
import { LoadRefusedError, ProcessGoneError, TenantProcess, type ProcessContext } from './tenant-process.js';
import { type WorkerChild } from './worker-child.js';

const RESTART = { baseMs: 100, maxMs: 10_000 };
const RELOAD = { baseMs: 250, maxMs: 30_000 };
/** An artifact that takes the process down interrupts all others each time, so it is tried ever more rarely. */
const RELOAD_SUSPECT = { baseMs: 1_000, maxMs: 300_000 };
/** A process that lived this long died of something new: its restarts count from one again. */
const STABLE_MS = 30_000;

/** What a worker says of a failure may be tenant code's words, which are not for the supervisor's log. */
const IN_ITS_LOG = 'it failed in the worker; the log of the workflow says why';

interface Slot {
  artifact: DemandedArtifact;
  wanted: boolean;
  phase: 'absent' | 'loading' | 'loaded' | 'unloading';
  lease?: ArtifactLease;
  failures: number;
  /** Its load ended with the death of the process. */
  suspect: boolean;
  retryAt: number;
}

export interface TenantContext extends ProcessContext {
  cache: ArtifactCache;
  takeWorker: () => WorkerChild;
}

export class Tenant {
  readonly #slots = new Map<string, Slot>();
  readonly #retiring = new Set<TenantProcess>();
  #process: TenantProcess | undefined;
  #deaths = 0;
  #restartAt = 0;
  #fetchingKeys = false;
  #keyFailures = 0;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(private readonly context: TenantContext) {}

  /** The process in use. */
  get process(): TenantProcess | undefined {
    return this.#process;
  }
  /** Nothing wanted, nothing loaded, nothing draining. */
  get empty(): boolean {
    return !this.#process && this.#slots.size === 0 && this.#retiring.size === 0;
  }
  /** Some step or drain is under way. */
  get busy(): boolean {
    const stepping = [...this.#slots.values()].some((s) => s.phase === 'loading' || s.phase === 'unloading');
    return stepping || this.#retiring.size > 0;
  }

  /** Resident memory of all its processes, in bytes. */
  async rssBytes(): Promise<number> {
    const all = [...this.#retiring, ...(this.#process ? [this.#process] : [])];
    const sizes = await Promise.all(all.map((process) => process.rssBytes()));
    return sizes.reduce((sum, size) => sum + size, 0);
  }

  want(artifact: DemandedArtifact): void {
    const slot = this.#slots.get(artifact.taskQueue);
    if (slot?.wanted) return;
    if (slot) slot.wanted = true;
    else
      this.#slots.set(artifact.taskQueue, {
        artifact,
        wanted: true,
        phase: 'absent',
        failures: 0,
        suspect: false,
        retryAt: 0,
      });
    this.#converge();
  }

  unwant(taskQueue: string): void {
    const slot = this.#slots.get(taskQueue);
    if (!slot?.wanted) return;
    slot.wanted = false;
    this.#converge();
  }

  /** Drains the process and starts a fresh one at once; the fresh one polls while the old one finishes. */
  replace(): void {
    if (this.busy || !this.#process) return;
    this.#retire(this.#process);
    this.#converge();
  }

  /** Drains everything for good. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    if (this.#process) this.#retire(this.#process);
    await Promise.all([...this.#retiring].map((process) => process.drain()));
  }

  #converge(): void {
    if (this.#closed) return;
    clearTimeout(this.#timer);
    for (const [queue, slot] of this.#slots)
      if (!slot.wanted && slot.phase === 'absent') this.#slots.delete(queue);
    if (this.#slots.size === 0) {
      if (this.#process) this.#retire(this.#process);
      return;
    }
    const now = performance.now();
    let wakeAt = Infinity;
    if (!this.#process) {
      if (now >= this.#restartAt) this.#startWithKeys();
      else wakeAt = this.#restartAt;
    }
    const process = this.#process;
    if (process) {
      for (const slot of this.#slots.values()) {
        if (slot.phase === 'loaded' && !slot.wanted) void this.#unload(slot, process);
        if (slot.phase !== 'absent' || !slot.wanted) continue;
        if (now < slot.retryAt) wakeAt = Math.min(wakeAt, slot.retryAt);
        else if (this.#mayLoad(slot)) void this.#load(slot, process);
      }
    }
    if (wakeAt < Infinity) this.#timer = setTimeout(() => this.#converge(), Math.max(1, wakeAt - now));
  }

  /** Invariant 5: a suspect loads alone. */
  #mayLoad(slot: Slot): boolean {
    const loading = [...this.#slots.values()].filter((other) => other.phase === 'loading');
    return slot.suspect ? loading.length === 0 : loading.every((other) => !other.suspect);
  }

  /** Invariant 7. */
  #startWithKeys(): void {
    const { tenantId, payloadKeys, logger } = this.context;
    const known = payloadKeys.known(tenantId);
    if (known) this.#start(known);
    if (known || this.#fetchingKeys) return;
    this.#fetchingKeys = true;
    const done = (error?: unknown): void => {
      this.#fetchingKeys = false;
      this.#keyFailures = error === undefined ? 0 : this.#keyFailures + 1;
      if (error !== undefined) {
        const delayMs = backoffMs(this.#keyFailures, RESTART);
        this.#restartAt = performance.now() + delayMs;
        logger.warn({ err: error, failures: this.#keyFailures, delayMs }, 'payload keys cannot be had');
      }
      this.#converge();
    };
    payloadKeys.fetch(tenantId).then(() => done(), done);
  }

  #start(payloadKeys: PayloadKeySet): void {
    const { takeWorker, logger } = this.context;
    const process = new TenantProcess(takeWorker(), this.context, payloadKeys, (taskQueue) =>
      this.#onFailed(process, taskQueue),
    );
    this.#process = process;
    logger.info({ workerPid: process.pid }, 'worker process in use');
    void process.exited.then(({ code, signal }) => this.#onExit(process, code, signal));
  }

  #onExit(process: TenantProcess, code: number | null, signal: NodeJS.Signals | null): void {
    this.#retiring.delete(process);
    if (this.#process !== process) return;
    this.#process = undefined;
    const stable = performance.now() - process.startedAt >= STABLE_MS;
    const loading = [...this.#slots.values()].filter((slot) => slot.phase === 'loading');
    // One load alone explains the death: that artifact waits, the others need not.
    this.#deaths = stable || loading.length === 1 ? 1 : this.#deaths + 1;
    const delayMs = backoffMs(this.#deaths, RESTART);
    this.#restartAt = performance.now() + delayMs;
    this.context.logger.warn(
      { workerPid: process.pid, code, signal, deaths: this.#deaths, delayMs },
      'worker process died',
    );
    this.#dropLoaded();
    this.#converge();
  }

  #onFailed(process: TenantProcess, taskQueue: string): void {
    const slot = this.#slots.get(taskQueue);
    if (process !== this.#process || slot?.phase !== 'loaded') return;
    this.#backOff(slot, IN_ITS_LOG);
    this.#converge();
  }

  /** Takes a process out of use; it drains in the background, its slots are free to load elsewhere. */
  #retire(process: TenantProcess): void {
    this.#process = undefined;
    this.#retiring.add(process);
    this.#dropLoaded();
    void process.drain();
  }

  #dropLoaded(): void {
    for (const slot of this.#slots.values()) if (slot.phase === 'loaded') this.#toAbsent(slot);
  }

  #toAbsent(slot: Slot): void {
    slot.phase = 'absent';
    slot.lease?.release();
    delete slot.lease;
  }

  #backOff(slot: Slot, reason: string): void {
    this.#toAbsent(slot);
    slot.failures++;
    const delayMs = backoffMs(slot.failures, slot.suspect ? RELOAD_SUSPECT : RELOAD);
    slot.retryAt = performance.now() + delayMs;
    const { taskQueue, workflowName, workflowVersion } = slot.artifact;
    this.context.logger.error(
      { taskQueue, workflowName, workflowVersion, reason, failures: slot.failures, delayMs },
      'artifact is not loaded',
    );
  }

  async #load(slot: Slot, process: TenantProcess): Promise<void> {
    const { artifact } = slot;
    const startedAt = performance.now();
    slot.phase = 'loading';
    let handedOver = false;
    try {
      slot.lease = await this.context.cache.acquire(artifact);
      const fetchMs = Math.round(performance.now() - startedAt);
      failpoint('runner.before-load');
      handedOver = this.#process === process;
      const message = {
        taskQueue: artifact.taskQueue,
        sha256: artifact.artifactSha256,
        workflowName: artifact.workflowName,
        version: artifact.workflowVersion,
        hasActivities: slot.lease.hasActivities,
        dryRun: artifact.dryRun,
      };
      await process.load(message, artifact, slot.lease.dir);
      const totalMs = Math.round(performance.now() - startedAt);
      const { taskQueue, workflowName, workflowVersion } = artifact;
      this.context.logger.info(
        { taskQueue, workflowName, workflowVersion, fetchMs, totalMs, workerPid: process.pid },
        'artifact loaded',
      );
      if (this.#process === process) {
        slot.phase = 'loaded';
        slot.failures = 0;
        slot.suspect = false;
      } else this.#toAbsent(slot);
    } catch (error) {
      // The death of a process that had not been asked for this load yet says nothing about the artifact.
      const died = error instanceof ProcessGoneError;
      if (died && handedOver) slot.suspect = true;
      if (died && !handedOver) this.#toAbsent(slot);
      else if (error instanceof LoadRefusedError) this.#backOff(slot, IN_ITS_LOG);
      else this.#backOff(slot, error instanceof Error ? error.message : String(error));
    }
    this.#converge();
  }

  async #unload(slot: Slot, process: TenantProcess): Promise<void> {
    slot.phase = 'unloading';
    try {
      await process.unload(slot.artifact.taskQueue);
      this.context.logger.info({ taskQueue: slot.artifact.taskQueue }, 'artifact unloaded');
    } catch (error) {
      this.context.logger.debug({ err: error }, 'unload ended with the process');
    }
    this.#toAbsent(slot);
    this.#converge();
  }
}
