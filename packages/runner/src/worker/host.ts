/**
 * Job: the Temporal Workers of one tenant in this process, one per artifact, each on its own task queue.
 *
 * Boundary: knows nothing of IPC or of the supervisor; `main.ts` translates messages. One NativeConnection and one
 * Runtime serve all Workers.
 *
 * Invariants
 * 1. A task queue has at most one Worker here; loading a loaded one again is an error of the caller.
 * 2. An artifact that fails to load leaves nothing behind and touches no other artifact.
 * 3. After `drain` nothing polls and nothing can be loaded.
 * 4. A Worker that ends by itself is reported once through `onFailed` and is no longer held.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ARTIFACT_PATHS } from '@pegasus-workflows/contracts';
import { failpoint, type Logger } from '@pegasus-workflows/kit';
import { type PayloadKeys, type TenantPayloadCodec } from '@pegasus-workflows/kit/payloads';
import { NativeConnection, Worker } from '@temporalio/worker';
import {
  GATEWAY_CREDENTIAL_HEADER,
  type ConfigureMessage,
  type LoadMessage,
  type QueueStats,
} from '../protocol.js';
import { loadActivities } from './activities.js';
import { activityInterceptor, type ActivityGauge } from './activity-interceptor.js';
import { workerCodec } from './codec.js';
import { workflowLogSinks } from './logging.js';
import { PlatformFault } from './fault.js';
import { type LogCapture } from './logs/capture.js';
import { type TokenKeeper } from './token-keeper.js';
import { TUNING } from './tuning.js';
import { guardedBundle } from './workflow-context.js';

/** What to load, and the folder that its files are in while it is loaded. */
export type LoadFrom = LoadMessage & { artifactDir: string };

interface Loaded {
  worker: Worker;
  /** Settles, never rejects, when the Worker has stopped. */
  stopped: Promise<void>;
  gauge: ActivityGauge;
  cachedWorkflows: number;
}

/** How long past the drain grace a Worker may take before it is abandoned. */
const FORCE_AFTER_MS = 2_000;

export class WorkerHost {
  readonly #loaded = new Map<string, Loaded>();
  readonly #loading = new Set<string>();
  #connection: Promise<NativeConnection> | undefined;
  #draining = false;

  readonly #codec: TenantPayloadCodec;

  /** @param onFailed called with the task queue and the error when a loaded Worker ends by itself */
  constructor(
    private readonly config: ConfigureMessage,
    private readonly keeper: TokenKeeper,
    keys: PayloadKeys,
    private readonly capture: LogCapture,
    private readonly logger: Logger,
    private readonly onFailed: (taskQueue: string, error: unknown) => void,
  ) {
    this.#codec = workerCodec(config, keys);
  }

  /** Starts polling the artifact's task queue. Rejects with the reason when it cannot be loaded. */
  async load(message: LoadFrom): Promise<void> {
    const { taskQueue } = message;
    if (this.#draining) throw new PlatformFault('this worker is draining');
    if (this.#loaded.has(taskQueue) || this.#loading.has(taskQueue))
      throw new PlatformFault(`${taskQueue} is loaded already`);
    this.#loading.add(taskQueue);
    try {
      const gauge: ActivityGauge = { running: 0, touchedAt: performance.now() };
      // Workflow threads print from where they were made, and activities' modules from where they were loaded.
      const worker = await this.capture.ofArtifact(taskQueue, () => this.#createWorker(message, gauge));
      const loaded: Loaded = { worker, stopped: Promise.resolve(), gauge, cachedWorkflows: 0 };
      this.#loaded.set(taskQueue, loaded);
      loaded.stopped = worker.run().then(
        () => this.#forget(taskQueue),
        (error: unknown) => this.#forget(taskQueue, error),
      );
      // Drained while the Worker was being made: it must not poll (invariant 3).
      if (this.#draining) {
        this.#stop(loaded);
        throw new PlatformFault('this worker is draining');
      }
    } finally {
      this.#loading.delete(taskQueue);
    }
    failpoint('worker.loaded');
  }

  /** Stops polling a task queue and waits for its running activities, at most `drainMs`. */
  async unload(taskQueue: string): Promise<void> {
    const loaded = this.#loaded.get(taskQueue);
    if (!loaded) return;
    this.#stop(loaded);
    await loaded.stopped;
  }

  /** Stops polling everything at once and waits for running activities, at most `drainMs`. */
  async drain(): Promise<void> {
    this.#draining = true;
    const all = [...this.#loaded.values()];
    for (const loaded of all) this.#stop(loaded);
    await Promise.all(all.map((loaded) => loaded.stopped));
    const connection = await this.#connection?.catch(() => undefined);
    await connection?.close().catch((error: unknown) => this.logger.debug({ err: error }, 'close failed'));
  }

  /** What each loaded queue is doing now. */
  queues(): QueueStats[] {
    return [...this.#loaded].map(([taskQueue, loaded]) => {
      const cached = loaded.worker.getStatus().numCachedWorkflows;
      if (cached !== loaded.cachedWorkflows) {
        loaded.cachedWorkflows = cached;
        loaded.gauge.touchedAt = performance.now();
      }
      const idleSinceMs =
        loaded.gauge.running > 0 ? 0 : Math.round(performance.now() - loaded.gauge.touchedAt);
      return { taskQueue, activeWorkflows: cached, runningActivities: loaded.gauge.running, idleSinceMs };
    });
  }

  #stop(loaded: Loaded): void {
    if (loaded.worker.getState() === 'RUNNING') loaded.worker.shutdown();
  }

  #forget(taskQueue: string, error?: unknown): void {
    const loaded = this.#loaded.get(taskQueue);
    this.#loaded.delete(taskQueue);
    if (error === undefined) return;
    const asked = loaded !== undefined && loaded.worker.getState() !== 'FAILED';
    if (this.#draining || asked) this.logger.warn({ taskQueue, err: error }, 'worker stopped uncleanly');
    else this.onFailed(taskQueue, error);
  }

  /** The first caller connects; a failed attempt is not kept, so that the next load tries again. */
  #connect(): Promise<NativeConnection> {
    const { address, credential } = this.config.gateway;
    this.#connection ??= NativeConnection.connect({
      address,
      metadata: { [GATEWAY_CREDENTIAL_HEADER]: credential },
      // The gateway is on this machine: compressing for it costs more than it saves.
      grpcCompression: { codec: 'none' },
    }).catch((error: unknown) => {
      this.#connection = undefined;
      throw new PlatformFault(`the gateway: ${error instanceof Error ? error.message : String(error)}`);
    });
    return this.#connection;
  }

  async #createWorker(message: LoadFrom, gauge: ActivityGauge): Promise<Worker> {
    const { taskQueue, artifactDir, hasActivities, dryRun } = message;
    const activities = hasActivities
      ? loadActivities(join(artifactDir, ARTIFACT_PATHS.activityBundle))
      : undefined;
    const connection = await this.#connect();
    return Worker.create({
      ...TUNING,
      maxConcurrentActivityTaskExecutions: this.config.slots.activities,
      maxConcurrentLocalActivityExecutions: this.config.slots.activities,
      maxConcurrentWorkflowTaskExecutions: this.config.slots.workflowTasks,
      connection,
      namespace: this.config.gateway.namespace,
      taskQueue,
      identity: `pegasus:${message.workflowName}@${message.version}:${process.pid}`,
      // Told, so that the SDK does not hash megabytes of bundle to make one up.
      buildId: message.sha256,
      dataConverter: { payloadCodecs: [this.#codec] },
      workflowBundle: { codePath: await guarded(join(artifactDir, ARTIFACT_PATHS.workflowBundle)) },
      ...(activities ? { activities: activities.activities } : {}),
      sinks: workflowLogSinks(this.capture, taskQueue),
      interceptors: {
        activity: [
          activityInterceptor({
            taskQueue,
            dryRun,
            gauge,
            keeper: this.keeper,
            capture: this.capture,
            mapper: activities?.mapper,
          }),
        ],
      },
      shutdownGraceTime: this.config.drainMs,
      shutdownForceTime: this.config.drainMs + FORCE_AFTER_MS,
    });
  }
}

/** Guards a workflow bundle in place: from its file the SDK takes it as it is, given as text it would be written anew. */
async function guarded(codePath: string): Promise<string> {
  await writeFile(codePath, guardedBundle(await readFile(codePath, 'utf8')));
  return codePath;
}
