/**
 * Job: one worker process, bound to one tenant, as promises: load, unload, drain.
 *
 * Boundary: speaks `protocol.ts` with the process and trusts none of its answers beyond their shape. It never restarts
 * anything; `tenant.ts` does.
 *
 * Invariants
 * 1. Every `load` and `unload` settles: by an answer, or by the process's end (`ProcessGoneError`).
 * 2. After `drain` the process is gone within the grace and a margin; it is killed if it does not go.
 * 3. It is given runtime tokens only for artifacts that were loaded here and have not been unloaded, and for runs a task
 *    of which it was given; and the payload keys of its own tenant.
 * 4. A process that says what the protocol does not know, or does not answer for `HUNG_MS`, is killed.
 * 5. It has one session at the gateway, which ends with it; it may poll the queues of what it was told to load.
 */
import { readFile } from 'node:fs/promises';
import { type CrashCause, type DemandedArtifact, type PayloadKeySet } from '@pegasus-workflows/contracts';
import { type Logger } from '@pegasus-workflows/kit';
import { type EgressPolicy } from '@pegasus-workflows/kit/egress';
import { type GatewayPort, type GatewaySession } from '../gateway/gateway.js';
import {
  fromWorkerSchema,
  type FromWorker,
  type LoadMessage,
  type QueueStats,
  type ToWorker,
} from '../protocol.js';
import { type BlobTarget } from './blob-routes.js';
import { type LogIntake, type WorkerLogs } from './logs/intake.js';
import { type TenantPayloadKeys } from './payload-keys.js';
import { tenantSeal } from './tenant-seal.js';
import { type MintedToken, type TokenMint } from './token-mint.js';
import { type WorkerChild } from './worker-child.js';
import { serveWorker } from './worker-services.js';

type WantToken = Extract<FromWorker, { type: 'want-token' }>;
type WantPayloadKeys = Extract<FromWorker, { type: 'want-payload-keys' }>;

const DRAIN_MARGIN_MS = 4_000;
/** A worker whose event loop is blocked this long serves nobody: its activities cannot even heartbeat. */
const HUNG_MS = 60_000;

export class ProcessGoneError extends Error {
  constructor() {
    super('the worker process ended');
    this.name = 'ProcessGoneError';
  }
}

/** What a tenant's processes have in common. */
export interface ProcessContext {
  tenantId: string;
  gateway: GatewayPort;
  mint: TokenMint;
  payloadKeys: TenantPayloadKeys;
  logs: LogIntake;
  serverUrl: string;
  blobTarget: BlobTarget;
  egress: EgressPolicy;
  drainMs: number;
  /** How many tasks of each loaded artifact may run at a time. */
  slots: { activities: number; workflowTasks: number };
  /** A run was closed by a worker's command; ids are Temporal's. */
  onClosed: (workflowId: string, runId: string) => void;
  logger: Logger;
}

/** The worker could not load an artifact; the reason is tenant code's, for the tenant to read. */
export class LoadRefusedError extends Error {
  constructor(
    reason: string,
    readonly fault: Fault,
  ) {
    super(reason);
    this.name = 'LoadRefusedError';
  }
}

/** Whose doing a failure is, as far as the worker can tell. */
export type Fault = Extract<FromWorker, { type: 'load-failed' }>['fault'];

interface Waiter {
  resolve: () => void;
  reject: (error: Error) => void;
}

export class TenantProcess {
  readonly #loads = new Map<string, Waiter>();
  /** What it was told to load, by task queue (invariant 3). */
  readonly #artifacts = new Map<string, DemandedArtifact>();
  readonly #unloads = new Map<string, Waiter>();
  readonly #session: GatewaySession;
  readonly #logs: WorkerLogs;
  #gone = false;
  #started = false;
  #killedFor: CrashCause | undefined;
  #draining: Promise<void> | undefined;
  #reportedRss = 0;
  #queues: QueueStats[] = [];
  #unansweredSince: number | undefined;
  /** Where the artifacts lie that it was told to load, by sha256. */
  readonly #dirs = new Map<string, string>();
  /** Its ports are served and it knows them; or it is gone. */
  readonly #configured: Promise<void>;

  /** @param onFailed a loaded Worker ended by itself: its task queue, and whose doing it is */
  constructor(
    private readonly worker: WorkerChild,
    private readonly context: ProcessContext,
    payloadKeys: PayloadKeySet,
    private readonly onFailed: (taskQueue: string, fault: Fault) => void,
  ) {
    this.#logs = context.logs.attach(context.tenantId, worker.output);
    worker.channel.onMessage((raw) => this.#receive(raw));
    void worker.exited.then(() => this.#onExit());
    const { tenantId, gateway, onClosed, logger } = context;
    this.#session = gateway.open({
      tenantId,
      ownsTaskQueue: (name) => this.#artifacts.has(name),
      ...(payloadKeys.currentId === null ? {} : { seal: tenantSeal(tenantId, context.payloadKeys) }),
      onClosed,
      onFlood: () => this.#killFor('FLOODED', 'worker floods its gateway; killing it'),
      logger,
    });
    this.#configured = this.#configure(payloadKeys);
  }

  get exited(): WorkerChild['exited'] {
    return this.worker.exited;
  }
  get startedAt(): number {
    return this.worker.startedAt;
  }
  get pid(): number | undefined {
    return this.worker.pid();
  }
  /** Whether it had begun, and why it was killed, if it was. */
  get lot(): { started: boolean; killedFor: CrashCause | undefined } {
    return { started: this.#started, killedFor: this.#killedFor };
  }
  /** Queues of which it was given tasks that it has not answered. */
  get busyQueues(): readonly string[] {
    return this.#session.busyQueues;
  }
  /** What each queue was doing at the last answer. */
  get queues(): readonly QueueStats[] {
    return this.#queues;
  }

  /** Resolves when the artifact's queue is polled; rejects with the reason. */
  load(message: Omit<LoadMessage, 'type'>, artifact: DemandedArtifact, artifactDir: string): Promise<void> {
    this.#artifacts.set(message.taskQueue, artifact);
    this.#dirs.set(message.sha256, artifactDir);
    this.#logs.loading(artifact);
    return this.#ask(this.#loads, { type: 'load', ...message });
  }

  /** Resolves when the queue is no longer polled and its activities have ended, or the grace has. */
  unload(taskQueue: string): Promise<void> {
    return this.#ask(this.#unloads, { type: 'unload', taskQueue });
  }

  /** Ends the process in order. Resolves when it is gone. */
  drain(): Promise<void> {
    this.#draining ??= this.#drain();
    return this.#draining;
  }

  /** Asks for statistics; kills a process that left the last question unanswered for too long. */
  probe(): void {
    const now = performance.now();
    if (this.#unansweredSince !== undefined) {
      if (now - this.#unansweredSince < HUNG_MS || this.#gone) return;
      this.#killFor('UNRESPONSIVE', 'worker does not answer; killing it');
      return;
    }
    this.#unansweredSince = now;
    this.#send({ type: 'stats' });
  }

  #killFor(cause: CrashCause, message: string): void {
    this.#killedFor ??= cause;
    this.context.logger.error({ workerPid: this.pid, cause }, message);
    this.worker.kill();
  }

  /** Resident memory in bytes, as the kernel counts it; where there is no /proc, as the process says. */
  async rssBytes(): Promise<number> {
    if (this.#gone) return 0;
    return (await residentBytes(this.pid)) ?? this.#reportedRss;
  }

  async #drain(): Promise<void> {
    if (this.#gone) return;
    this.#send({ type: 'drain' });
    const kill = setTimeout(() => {
      this.context.logger.warn({ workerPid: this.pid }, 'worker did not drain in time; killing it');
      this.worker.kill();
    }, this.context.drainMs + DRAIN_MARGIN_MS);
    await this.worker.exited;
    clearTimeout(kill);
  }

  /** A worker whose ports do not come is killed by whoever waits for them (`worker-child.ts`). */
  async #configure(payloadKeys: PayloadKeySet): Promise<void> {
    try {
      const artifactDir = (sha256: string): string | undefined => this.#dirs.get(sha256);
      const { tenantId, drainMs, slots } = this.context;
      const services = { ...this.context, session: this.#session, artifactDir };
      const { close, ...addresses } = serveWorker(await this.worker.ports, services);
      void this.worker.exited.then(close);
      this.worker.channel.send({
        type: 'configure',
        tenantId,
        drainMs,
        slots,
        payloadKeys,
        ...addresses,
      } satisfies ToWorker);
    } catch (error) {
      this.context.logger.error({ workerPid: this.pid, err: error }, 'worker has no ports');
    }
  }

  #ask(waiters: Map<string, Waiter>, message: ToWorker & { taskQueue: string }): Promise<void> {
    if (this.#gone) return Promise.reject(new ProcessGoneError());
    return new Promise((resolve, reject) => {
      waiters.set(message.taskQueue, { resolve, reject });
      this.#send(message);
    });
  }

  #send(message: ToWorker): void {
    // A closed channel is followed by the process's end, which settles what waits.
    void this.#configured.then(() => this.worker.channel.send(message));
  }

  #receive(raw: unknown): void {
    const parsed = fromWorkerSchema.safeParse(raw);
    if (!parsed.success) {
      this.context.logger.error({ workerPid: this.pid }, 'unreadable message from a worker; killing it');
      this.worker.kill();
      return;
    }
    this.#handle(parsed.data);
  }

  #handle(message: FromWorker): void {
    switch (message.type) {
      case 'loaded':
        settle(this.#loads, message.taskQueue)?.resolve();
        return;
      case 'load-failed': {
        this.#artifacts.delete(message.taskQueue);
        this.#session.unloaded(message.taskQueue);
        this.#logs.unloaded(message.taskQueue);
        const waiter = settle(this.#loads, message.taskQueue);
        if (waiter) waiter.reject(new LoadRefusedError(message.reason, message.fault));
        else this.onFailed(message.taskQueue, message.fault);
        return;
      }
      case 'unloaded':
        this.#artifacts.delete(message.taskQueue);
        this.#session.unloaded(message.taskQueue);
        this.#logs.unloaded(message.taskQueue);
        settle(this.#unloads, message.taskQueue)?.resolve();
        return;
      case 'stats':
        this.#unansweredSince = undefined;
        this.#reportedRss = message.rssBytes;
        this.#queues = message.queues;
        return;
      case 'want-token':
        void this.#giveToken(message);
        return;
      case 'want-payload-keys':
        void this.#givePayloadKeys(message);
        return;
      case 'started':
        this.#started = true;
        return;
      case 'drained':
        return;
    }
  }

  async #giveToken({ requestId, taskQueue, workflowId, runId }: WantToken): Promise<void> {
    const artifact = this.#artifacts.get(taskQueue);
    let given: MintedToken | undefined;
    try {
      if (artifact && this.#session.knows(workflowId, runId))
        given = await this.context.mint.mint(artifact, { workflowId, runId });
    } catch (error) {
      this.context.logger.warn({ err: error, taskQueue }, 'a runtime token could not be made');
    }
    this.#send({ type: 'token', requestId, ...(given ? { given } : {}) });
  }

  /** Those of the process's own tenant, whatever it asks. */
  async #givePayloadKeys({ requestId, keyId }: WantPayloadKeys): Promise<void> {
    const given = await this.context.payloadKeys
      .with(this.context.tenantId, keyId)
      .catch((error: unknown) =>
        this.context.logger.warn({ err: error, workerPid: this.pid }, 'payload keys cannot be had'),
      );
    this.#send({ type: 'payload-keys', requestId, ...(given ? { given } : {}) });
  }

  #onExit(): void {
    this.#gone = true;
    this.#session.close();
    for (const waiter of [...this.#loads.values(), ...this.#unloads.values()])
      waiter.reject(new ProcessGoneError());
    this.#loads.clear();
    this.#unloads.clear();
  }
}

function settle(waiters: Map<string, Waiter>, taskQueue: string): Waiter | undefined {
  const waiter = waiters.get(taskQueue);
  waiters.delete(taskQueue);
  return waiter;
}

/** Resident memory of a process in bytes, from the kernel; `undefined` where it cannot be read. */
export async function residentBytes(pid: number | undefined): Promise<number | undefined> {
  if (pid === undefined) return undefined;
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  return kib === undefined ? undefined : Number(kib) * 1024;
}
