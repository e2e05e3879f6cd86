import { type Logger } from '@pegasus-workflows/kit';
import { errorForLog } from '../infra/error-log.js';
import { TemporalError, type TemporalPort } from '../infra/temporal.js';
import { type ExecutionMetrics } from './metrics.js';
import { type OutcomeWriter } from './outcome.js';

/**
 * Job: follows runs that were just started, or that a caller waits for, by Temporal's own long poll for the close, so
 * that the row changes in the moment the run closes.
 *
 * Boundary: an accelerator. What is not watched, or lost on the way, the close feed and the reconciler find.
 *
 * Invariants
 * 1. At most {@link WATCHERS_MAX} long polls are open: Temporal's frontend allows 1200 per namespace and instance, and
 *    workers need theirs. The oldest that nobody waits for makes room.
 * 2. One execution has at most one watcher.
 * 3. A watcher ends when its run has closed, when nobody has waited for {@link HOLD_MS}, or when stopped.
 */
export const WATCHERS_MAX = 400;
export const HOLD_MS = 60_000;

export interface Watchable {
  executionId: string;
  temporalWorkflowId: string;
  runId: string | null;
  startedAt: Date | null;
}

interface Watcher {
  stop: AbortController;
  waiting: number;
  releaseAt: number;
  done: Promise<void>;
}

export class Watchers {
  readonly #temporal: TemporalPort;
  readonly #outcome: OutcomeWriter;
  readonly #logger: Logger;
  readonly #metrics: ExecutionMetrics;
  readonly #limit: number;
  readonly #holdMs: number;
  readonly #watchers = new Map<string, Watcher>();
  readonly #sweep: NodeJS.Timeout;
  #stopped = false;

  constructor(
    parts: { temporal: TemporalPort; outcome: OutcomeWriter; logger: Logger; metrics: ExecutionMetrics },
    options: { limit?: number; holdMs?: number } = {},
  ) {
    this.#temporal = parts.temporal;
    this.#outcome = parts.outcome;
    this.#logger = parts.logger;
    this.#metrics = parts.metrics;
    this.#limit = options.limit ?? WATCHERS_MAX;
    this.#holdMs = options.holdMs ?? HOLD_MS;
    this.#sweep = setInterval(() => this.#release(), Math.min(this.#holdMs, 5_000));
    this.#sweep.unref();
  }

  get size(): number {
    return this.#watchers.size;
  }

  has(executionId: string): boolean {
    return this.#watchers.has(executionId);
  }

  /** Watches for {@link HOLD_MS}; a run that is watched already is held longer. */
  watch(run: Watchable): void {
    if (this.#stopped) return;
    const present = this.#watchers.get(run.executionId);
    if (present) {
      present.releaseAt = Date.now() + this.#holdMs;
      return;
    }
    if (this.#watchers.size >= this.#limit && !this.#makeRoom()) return;
    const stop = new AbortController();
    const watcher: Watcher = {
      stop,
      waiting: 0,
      releaseAt: Date.now() + this.#holdMs,
      done: this.#follow(run, stop.signal).finally(() => {
        if (this.#watchers.get(run.executionId) === watcher) this.#watchers.delete(run.executionId);
        this.#metrics.openWatchers.set(this.#watchers.size);
      }),
    };
    this.#watchers.set(run.executionId, watcher);
    this.#metrics.openWatchers.set(this.#watchers.size);
  }

  /** Watches for as long as a caller waits; call the answer when it no longer does. */
  await(run: Watchable): () => void {
    this.watch(run);
    const watcher = this.#watchers.get(run.executionId);
    if (!watcher) return () => {};
    watcher.waiting++;
    return () => void watcher.waiting--;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#sweep);
    const watchers = [...this.#watchers.values()];
    for (const watcher of watchers) watcher.stop.abort();
    await Promise.all(watchers.map((watcher) => watcher.done));
  }

  async #follow(run: Watchable, signal: AbortSignal): Promise<void> {
    try {
      const close = await this.#temporal.waitForClose(run.temporalWorkflowId, {
        signal,
        runId: run.runId ?? undefined,
        onRun: (runId) =>
          void this.#outcome.started(run.executionId, { runId, startedAt: run.startedAt ?? new Date() }),
      });
      if (close) await this.#outcome.closed(run.executionId, close);
    } catch (error) {
      if (signal.aborted) return;
      const level = error instanceof TemporalError ? 'debug' : 'warn';
      this.#logger[level](
        { error: errorForLog(error), executionId: run.executionId },
        'a watcher ended early',
      );
    }
  }

  #makeRoom(): boolean {
    for (const [executionId, watcher] of this.#watchers) {
      if (watcher.waiting > 0) continue;
      watcher.stop.abort();
      this.#watchers.delete(executionId);
      return true;
    }
    return false;
  }

  #release(): void {
    const now = Date.now();
    for (const [executionId, watcher] of this.#watchers) {
      if (watcher.waiting > 0 || watcher.releaseAt > now) continue;
      watcher.stop.abort();
      this.#watchers.delete(executionId);
    }
  }
}
