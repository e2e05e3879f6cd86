import { randomUUID } from 'node:crypto';
import { FakeControls } from './fake-controls.js';
import {
  TemporalError,
  type ExportedHistory,
  type FollowOptions,
  type QueryOutcome,
  type RunClose,
  type RunDescription,
  type RunEvents,
  type RunHistory,
  type RunMessage,
  type SignalMessage,
  type StartRequest,
  type TemporalPort,
  type VisibleRun,
  type WaitOptions,
} from '../../packages/server/src/infra/temporal.js';

export interface FakeRun {
  request: StartRequest;
  runId: string;
  startedAt: Date;
  close?: RunClose;
  /** By request id. */
  signals: Map<string, SignalMessage>;
  /** Run ids of earlier runs, which were reset, by the request that did it. */
  resets: Map<string, string>;
}

type Ending =
  | { status: 'COMPLETED'; result: unknown }
  | { status: 'TIMED_OUT' }
  | { status: 'CANCELED' }
  | { status: 'TERMINATED'; reason: string };

/** A Temporal in memory whose runs end when a test says so. `temporal-port.ts` holds it to what the real one does. */
export class FakeTemporal implements TemporalPort {
  readonly schedules = {
    put: noSchedules,
    delete: noSchedules,
    list: noSchedules,
    nextTick: noSchedules,
    finishTick: noSchedules,
    refuseTick: noSchedules,
  };
  readonly controls = new FakeControls(this);
  readonly runs = new Map<string, FakeRun>();
  /** Queries of visibility so far. */
  queries: { closedSince: Date }[] = [];
  /** Long polls open now. */
  waiting = 0;
  /** Every call fails, its effect unknown. */
  down = false;
  /** What every run answers; without it, no worker is there. */
  answer: ((message: RunMessage) => QueryOutcome) | undefined;
  #waiters = new Set<() => void>();

  /** Ends a run, at an instant. */
  end(workflowId: string, ending: Ending, closedAt = new Date()): void {
    const run = this.runs.get(workflowId)!;
    run.close = { runId: run.runId, closedAt, ...ending };
    this.wake();
  }

  /** Has every long poll look again. */
  wake(): void {
    for (const wake of [...this.#waiters]) wake();
  }

  async start(request: StartRequest): Promise<{ runId: string }> {
    this.answerOrFail();
    if (request.workflowType === '')
      throw new TemporalError('WorkflowType is not set on request.', 'refused');
    let run = this.runs.get(request.workflowId);
    if (!run)
      this.runs.set(
        request.workflowId,
        (run = {
          request,
          runId: randomUUID(),
          startedAt: new Date(),
          signals: new Map(),
          resets: new Map(),
        }),
      );
    return { runId: run.runId };
  }

  async describe(workflowId: string): Promise<RunDescription | undefined> {
    this.answerOrFail();
    const run = this.runs.get(workflowId);
    return run && { ...this.#visible(run) };
  }

  async waitForClose(
    workflowId: string,
    { signal, runId, onRun, onlyClosed }: WaitOptions,
  ): Promise<RunClose | undefined> {
    this.waiting++;
    try {
      for (;;) {
        signal.throwIfAborted();
        this.answerOrFail();
        const run = this.runs.get(workflowId);
        const isFormer = run && runId !== undefined && [...run.resets.values()].includes(runId);
        if (!run || (runId !== undefined && run.runId !== runId && !isFormer)) return undefined;
        if (isFormer) onRun?.((runId = run.runId));
        if (run.close) return run.close;
        if (onlyClosed) return undefined;
        await this.#changed(signal);
      }
    } finally {
      this.waiting--;
    }
  }

  async history(workflowId: string): Promise<RunHistory | undefined> {
    this.answerOrFail();
    const run = this.runs.get(workflowId);
    if (!run) return undefined;
    return {
      events: [{ id: '1', type: 'WorkflowExecutionStarted', timestamp: run.startedAt.toISOString() }],
    };
  }

  async *followHistory(
    workflowId: string,
    { signal, runId, afterEventId = 0 }: FollowOptions,
  ): AsyncGenerator<RunEvents, void> {
    let told = afterEventId > 0 ? runId : undefined;
    while (!signal.aborted) {
      this.answerOrFail();
      const run = this.runs.get(workflowId);
      if (!run) return;
      if (told !== run.runId) {
        const started = { id: '1', type: 'WorkflowExecutionStarted', timestamp: run.startedAt.toISOString() };
        yield { runId: (told = run.runId), events: [started] };
      }
      if (run.close) return;
      await this.#changed(signal);
    }
  }

  async exportHistory(
    workflowId: string,
    maxBytes: number,
  ): Promise<ExportedHistory | 'too-large' | undefined> {
    this.answerOrFail();
    const run = this.runs.get(workflowId);
    if (!run) return undefined;
    const eventsJson = '[{"eventId":"1","eventType":"EVENT_TYPE_WORKFLOW_EXECUTION_STARTED"}]';
    if (eventsJson.length > maxBytes) return 'too-large';
    return { runId: run.runId, workflowType: run.request.workflowType, eventsJson };
  }

  async signal(workflowId: string, message: SignalMessage): Promise<'sent' | 'closed' | 'unknown'> {
    this.answerOrFail();
    const run = this.runs.get(workflowId);
    if (!run) return 'unknown';
    if (run.close) return 'closed';
    run.signals.set(message.requestId, message);
    return 'sent';
  }

  async query(workflowId: string, message: RunMessage): Promise<QueryOutcome | undefined> {
    this.answerOrFail();
    if (!this.runs.has(workflowId)) return undefined;
    if (!this.answer) throw new TemporalError('no worker of this version answered', 'refused');
    return this.answer(message);
  }

  async cancel(workflowId: string): Promise<'requested' | 'closed' | 'unknown'> {
    this.answerOrFail();
    const run = this.runs.get(workflowId);
    if (!run) return 'unknown';
    return run.close ? 'closed' : 'requested';
  }

  async terminate(workflowId: string, runId: string, reason: string): Promise<void> {
    this.answerOrFail();
    const run = this.runs.get(workflowId);
    if (run && run.runId === runId && !run.close) this.end(workflowId, { status: 'TERMINATED', reason });
  }

  async *listClosedSince(since: Date): AsyncGenerator<VisibleRun> {
    this.answerOrFail();
    this.queries.push({ closedSince: since });
    for (const run of [...this.runs.values()])
      if (run.close && run.close.closedAt >= since) yield this.#visible(run);
  }

  async *listOpen(): AsyncGenerator<VisibleRun> {
    this.answerOrFail();
    for (const run of [...this.runs.values()]) if (!run.close) yield this.#visible(run);
  }

  async ping(): Promise<void> {
    this.answerOrFail();
  }

  async close(): Promise<void> {}

  /** Rejects while it is down. */
  answerOrFail(): void {
    if (this.down) throw new TemporalError('it cannot be reached', 'unknown');
  }

  #changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiters.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#waiters.add(wake);
      signal.addEventListener('abort', wake);
    });
  }

  #visible(run: FakeRun): VisibleRun {
    return {
      workflowId: run.request.workflowId,
      runId: run.runId,
      status: run.close?.status ?? 'RUNNING',
      taskQueue: run.request.taskQueue,
      startedAt: run.startedAt,
      closedAt: run.close?.closedAt,
    };
  }
}

function noSchedules(): never {
  throw new TemporalError('this Temporal has no schedules', 'refused');
}
