/**
 * Job: tells the server of runs that workers have closed, as they close.
 *
 * Boundary: an accelerator: what cannot be told the server finds within seconds, so nothing is kept or repeated.
 *
 * Invariants
 * 1. One request is under way at a time; what closes meanwhile goes with the next, at most {@link MAX_WAITING} runs.
 * 2. Only executions are told of: a child run has no row.
 */
import { parseTemporalWorkflowId, type ClosedRuns } from '@pegasus-workflows/contracts';
import { type Logger } from '@pegasus-workflows/kit';

type Runs = ClosedRuns['runs'];

const MAX_WAITING = 1_000;

export class CloseNotices {
  #waiting: Runs = [];
  #sending: Promise<void> | undefined;
  readonly #stop = new AbortController();

  constructor(
    private readonly send: (runs: Runs, signal: AbortSignal) => Promise<void>,
    private readonly logger: Logger,
  ) {}

  /** A run has closed; ids are Temporal's. */
  note(workflowId: string, runId: string): void {
    if (
      this.#stop.signal.aborted ||
      this.#waiting.length >= MAX_WAITING ||
      !parseTemporalWorkflowId(workflowId)
    )
      return;
    this.#waiting.push({ workflowId, runId });
    this.#sending ??= this.#flush().finally(() => (this.#sending = undefined));
  }

  /** Gives up what is under way. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#sending;
  }

  async #flush(): Promise<void> {
    while (this.#waiting.length > 0 && !this.#stop.signal.aborted) {
      const runs = this.#waiting;
      this.#waiting = [];
      await this.send(runs, this.#stop.signal).catch((error: unknown) =>
        this.logger.debug({ err: error, runs: runs.length }, 'the server could not be told of closed runs'),
      );
    }
  }
}
