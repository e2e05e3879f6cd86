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
 * 5. An artifact that may have taken the process down is a suspect: it is loaded alone, and alone on probation for a while, so
 *    that whose fault it was is known and it can take no other with it for long.
 * 6. With nothing wanted and nothing loaded there is no process.
 * 7. No process starts before the tenant's payload keys are known; once they are, none waits for the server.
 * 8. What is known to have failed too often within the window is reported by `onCrashLoop`, and tried ever more rarely until
 *    it is unwanted.
 */
import { type CrashCause, type DemandedArtifact, type PayloadKeySet } from '@pegasus-workflows/contracts';
import { failpoint } from '@pegasus-workflows/kit';
import { type ArtifactCache, type ArtifactLease } from './artifact-cache.js';
import { backoffMs } from '../backoff.js';
import { type ProcessEnd } from '../sandbox/sandbox.js';
import { causeOf, CrashLedger, suspectsOf, type CrashLimits } from './crash-ledger.js';
import { type CrashLoop } from './quarantine-reports.js';
import {
  LoadRefusedError,
  ProcessGoneError,
  TenantProcess,
  type Fault,
  type ProcessContext,
} from './tenant-process.js';
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
  /** It may have taken the process down (invariant 5). */
  suspect: boolean;
  /** Loaded, and nothing else is loaded until then. */
  probationUntil: number;
  retryAt: number;
  /** The process that was told to load it. */
  askedOf?: TenantProcess;
}

export interface TenantContext extends ProcessContext {
  cache: ArtifactCache;
  takeWorker: () => WorkerChild;
  crashLimits: CrashLimits;
  /** A version has failed too often. */
  onCrashLoop: (loop: CrashLoop) => void;
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

  readonly #crashes: CrashLedger;

  constructor(private readonly context: TenantContext) {
    this.#crashes = new CrashLedger(context.crashLimits);
  }

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
        probationUntil: 0,
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

  /** The server keeps this artifact back: its failures are forgotten, and it is unwanted. */
  quarantined(taskQueues: readonly string[], artifactSha256: string): void {
    this.#crashes.forget(artifactSha256);
    for (const taskQueue of taskQueues) this.unwant(taskQueue);
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
      // Suspects last, so that no other waits for them.
      for (const slot of [...this.#slots.values()].sort((a, b) => Number(a.suspect) - Number(b.suspect))) {
        if (slot.phase === 'loaded' && !slot.wanted) void this.#unload(slot, process);
        if (slot.probationUntil > 0) wakeAt = Math.min(wakeAt, this.#probation(slot, now));
        if (slot.phase !== 'absent' || !slot.wanted) continue;
        if (now < slot.retryAt) wakeAt = Math.min(wakeAt, slot.retryAt);
        else if (this.#mayLoad(slot)) void this.#load(slot, process);
      }
    }
    if (wakeAt < Infinity) this.#timer = setTimeout(() => this.#converge(), Math.max(1, wakeAt - now));
  }

  /** Invariant 5. */
  #mayLoad(slot: Slot): boolean {
    const others = [...this.#slots.values()];
    if (others.some(({ probationUntil }) => probationUntil > 0)) return false;
    const loading = others.filter((other) => other.phase === 'loading');
    return slot.suspect ? loading.length === 0 : loading.every((other) => !other.suspect);
  }

  /** Ends what has been held out; answers when the rest of it ends. */
  #probation(slot: Slot, now: number): number {
    if (slot.probationUntil > now) return slot.probationUntil;
    slot.probationUntil = 0;
    slot.suspect = false;
    return now;
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
    const process = new TenantProcess(takeWorker(), this.context, payloadKeys, (taskQueue, fault) =>
      this.#onFailed(process, taskQueue, fault),
    );
    this.#process = process;
    logger.info({ workerPid: process.pid }, 'worker process in use');
    void process.exited.then((end) => this.#onExit(process, end));
  }

  #onExit(process: TenantProcess, end: ProcessEnd): void {
    const isRetired = this.#retiring.delete(process);
    if (isRetired) this.#blameRetired(process, end);
    if (this.#process !== process) return;
    this.#process = undefined;
    const stable = performance.now() - process.startedAt >= STABLE_MS;
    // Whose doing is known waits; the others need not.
    const explained = this.#blame(process, end);
    this.#deaths = stable || explained ? 1 : this.#deaths + 1;
    const delayMs = backoffMs(this.#deaths, RESTART);
    this.#restartAt = performance.now() + delayMs;
    this.context.logger.warn(
      { workerPid: process.pid, ...end, deaths: this.#deaths, delayMs },
      'worker process died',
    );
    this.#dropLoaded();
    this.#converge();
  }

  /** Puts the end of a process down to a version, or makes suspects; answers whether one is known. */
  #blame(process: TenantProcess, end: ProcessEnd): boolean {
    const cause = causeOf(end, process.lot);
    if (!cause) return false;
    const queues = (which: (slot: Slot) => boolean): string[] =>
      [...this.#slots].filter(([, slot]) => which(slot)).map(([queue]) => queue);
    const loaded = queues(({ phase }) => phase === 'loaded');
    const suspects = suspectsOf({
      loading: queues(({ phase, askedOf }) => phase === 'loading' && askedOf === process),
      onProbation: queues(({ probationUntil }) => probationUntil > 0),
      loaded,
      busy: loaded.filter((queue) => process.busyQueues.includes(queue)),
    });
    for (const queue of suspects) this.#slots.get(queue)!.suspect = true;
    const [only] = suspects;
    if (only === undefined || suspects.length > 1) {
      if (suspects.length > 1) this.#crashes.unexplained();
      return false;
    }
    const slot = this.#slots.get(only)!;
    const delayMs = this.#crashed(slot, cause, end);
    slot.retryAt = performance.now() + delayMs;
    const { taskQueue, workflowName, workflowVersion } = slot.artifact;
    this.context.logger.warn(
      { taskQueue, workflowName, workflowVersion, cause, delayMs },
      'it was this version',
    );
    return true;
  }

  /** One that was replaced for its memory may run out of it while it drains: the version whose task it had did it. */
  #blameRetired(process: TenantProcess, end: ProcessEnd): void {
    if (causeOf(end, process.lot) !== 'OUT_OF_MEMORY') return;
    const [only, ...others] = process.busyQueues;
    const slot = only === undefined ? undefined : this.#slots.get(only);
    if (slot && others.length === 0) this.#crashed(slot, 'OUT_OF_MEMORY', end);
  }

  /** Counts a failure of a version (invariant 8); answers how long it waits. */
  #crashed({ artifact }: Slot, cause: CrashCause, end?: ProcessEnd): number {
    const { tenantId, artifactSha256 } = artifact;
    const failures = this.#crashes.record(artifactSha256, performance.now());
    const loop = this.#crashes.loop(failures, cause, end);
    if (loop) this.context.onCrashLoop({ tenantId, artifactSha256, ...loop });
    return backoffMs(failures, RELOAD_SUSPECT);
  }

  #onFailed(process: TenantProcess, taskQueue: string, fault: Fault): void {
    const slot = this.#slots.get(taskQueue);
    if (process !== this.#process || slot?.phase !== 'loaded') return;
    if (fault === 'artifact') this.#crashed(slot, 'CRASHED');
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
    slot.probationUntil = 0;
    delete slot.askedOf;
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
    try {
      slot.lease = await this.context.cache.acquire(artifact);
      const fetchMs = Math.round(performance.now() - startedAt);
      failpoint('runner.before-load');
      slot.askedOf = process;
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
        if (slot.suspect) slot.probationUntil = performance.now() + this.#crashes.probationMs;
      } else this.#toAbsent(slot);
    } catch (error) {
      // Whose fault the end of the process was is known already.
      if (error instanceof ProcessGoneError) this.#toAbsent(slot);
      else if (error instanceof LoadRefusedError) {
        if (error.fault === 'artifact') this.#crashed(slot, 'NOT_LOADABLE');
        this.#backOff(slot, IN_ITS_LOG);
      } else this.#backOff(slot, error instanceof Error ? error.message : String(error));
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
