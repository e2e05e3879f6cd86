/**
 * Job: one worker process, bound to one tenant, as promises: load, unload, drain.
 *
 * Boundary: speaks `protocol.ts` with the process and trusts none of its answers beyond their shape. It never restarts
 * anything; `tenant.ts` does.
 *
 * Invariants
 * 1. Every `load` and `unload` settles: by an answer, or by the process's end (`ProcessGoneError`).
 * 2. After `drain` the process is gone within the grace and a margin; it is killed if it does not go.
 * 3. It is given runtime tokens for artifacts that were loaded here and have not been unloaded, and no others.
 * 4. A process that says what the protocol does not know, or does not answer for `HUNG_MS`, is killed.
 */
import { readFile } from 'node:fs/promises';
import { type DemandedArtifact } from '@pegasus-workflows/contracts';
import { type Logger } from '@pegasus-workflows/kit';
import {
  fromWorkerSchema,
  type ConfigureMessage,
  type FromWorker,
  type LoadMessage,
  type QueueStats,
  type ToWorker,
} from '../protocol.js';
import { type LogIntake, type WorkerLogs } from './logs/intake.js';
import { type MintedToken, type TokenMint } from './token-mint.js';
import { type WorkerChild } from './worker-child.js';

type WantToken = Extract<FromWorker, { type: 'want-token' }>;

const DRAIN_MARGIN_MS = 4_000;
/** A worker whose event loop is blocked this long serves nobody: its activities cannot even heartbeat. */
const HUNG_MS = 60_000;

export class ProcessGoneError extends Error {
  constructor() {
    super('the worker process ended');
    this.name = 'ProcessGoneError';
  }
}

/** The worker could not load an artifact; the reason is tenant code's, for the tenant to read. */
export class LoadRefusedError extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'LoadRefusedError';
  }
}

interface Waiter {
  resolve: () => void;
  reject: (error: Error) => void;
}

export class TenantProcess {
  readonly #loads = new Map<string, Waiter>();
  /** What it was told to load, by task queue (invariant 3). */
  readonly #artifacts = new Map<string, DemandedArtifact>();
  readonly #unloads = new Map<string, Waiter>();
  readonly #logs: WorkerLogs;
  #gone = false;
  #draining: Promise<void> | undefined;
  #reportedRss = 0;
  #queues: QueueStats[] = [];
  #unansweredSince: number | undefined;

  /** @param onFailed a loaded Worker ended by itself: its task queue and the reason */
  constructor(
    private readonly worker: WorkerChild,
    private readonly config: Omit<ConfigureMessage, 'type'>,
    private readonly mint: TokenMint,
    logs: LogIntake,
    private readonly logger: Logger,
    private readonly onFailed: (taskQueue: string, reason: string) => void,
  ) {
    this.#logs = logs.attach(config.tenantId, worker.output);
    worker.child.on('message', (raw: unknown) => this.#receive(raw));
    void worker.exited.then(() => this.#onExit());
    this.#send({ type: 'configure', ...config });
  }

  get exited(): WorkerChild['exited'] {
    return this.worker.exited;
  }
  get startedAt(): number {
    return this.worker.startedAt;
  }
  get pid(): number | undefined {
    return this.worker.child.pid;
  }
  /** What each queue was doing at the last answer. */
  get queues(): readonly QueueStats[] {
    return this.#queues;
  }

  /** Resolves when the artifact's queue is polled; rejects with the reason. */
  load(message: Omit<LoadMessage, 'type'>, artifact: DemandedArtifact): Promise<void> {
    this.#artifacts.set(message.taskQueue, artifact);
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
      this.logger.error({ workerPid: this.pid, hungMs: HUNG_MS }, 'worker does not answer; killing it');
      this.worker.child.kill('SIGKILL');
      return;
    }
    this.#unansweredSince = now;
    this.#send({ type: 'stats' });
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
      this.logger.warn({ workerPid: this.pid }, 'worker did not drain in time; killing it');
      this.worker.child.kill('SIGKILL');
    }, this.config.drainMs + DRAIN_MARGIN_MS);
    await this.worker.exited;
    clearTimeout(kill);
  }

  #ask(waiters: Map<string, Waiter>, message: ToWorker & { taskQueue: string }): Promise<void> {
    if (this.#gone) return Promise.reject(new ProcessGoneError());
    return new Promise((resolve, reject) => {
      waiters.set(message.taskQueue, { resolve, reject });
      this.#send(message);
    });
  }

  #send(message: ToWorker): void {
    // A closed channel is followed by 'exit', which settles what waits.
    if (this.worker.child.connected) this.worker.child.send(message, () => undefined);
  }

  #receive(raw: unknown): void {
    const parsed = fromWorkerSchema.safeParse(raw);
    if (!parsed.success) {
      this.logger.error({ workerPid: this.pid }, 'unreadable message from a worker; killing it');
      this.worker.child.kill('SIGKILL');
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
        this.#logs.unloaded(message.taskQueue);
        const waiter = settle(this.#loads, message.taskQueue);
        if (waiter) waiter.reject(new LoadRefusedError(message.reason));
        else this.onFailed(message.taskQueue, message.reason);
        return;
      }
      case 'unloaded':
        this.#artifacts.delete(message.taskQueue);
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
      case 'started':
      case 'drained':
        return;
    }
  }

  async #giveToken({ requestId, taskQueue, workflowId, runId }: WantToken): Promise<void> {
    const artifact = this.#artifacts.get(taskQueue);
    let given: MintedToken | undefined;
    try {
      given = artifact && (await this.mint.mint(artifact, { workflowId, runId }));
    } catch (error) {
      this.logger.warn({ err: error, taskQueue }, 'a runtime token could not be made');
    }
    this.#send({ type: 'token', requestId, ...(given ? { given } : {}) });
  }

  #onExit(): void {
    this.#gone = true;
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
