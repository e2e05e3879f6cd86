import { temporalConnectionOptions, type TemporalSettings } from '@pegasus-workflows/kit';
import { Connection, isGrpcServiceError } from '@temporalio/client';
import { decodeArrayFromPayloads } from '@temporalio/common/lib/internal-non-workflow/index.js';
import { optionalTsToDate } from '@temporalio/common/lib/time.js';
import proto, { type temporal } from '@temporalio/proto';
import { type TemporalControls } from './temporal-controls.js';
import { nextRunOf, runFailureOf, runStatusOf } from './temporal-events.js';
import { followHistory } from './temporal-follow.js';
import { exportHistory, readHistory } from './temporal-histories.js';
import { queryRun, signalRun, terminateNewest } from './temporal-messages.js';
import { pauseRun, unpauseRun } from './temporal-pause.js';
import { readableFailure, TemporalPayloads, toPayloads, type PayloadSources } from './temporal-payloads.js';
import { resetRun } from './temporal-reset.js';
import { GRPC, IDENTITY, isNotFound, TemporalRpc, toTemporalError } from './temporal-rpc.js';
import { TemporalSchedules } from './temporal-schedules.js';
import { pollUpdate, updateRun } from './temporal-updates.js';
import {
  TEMPORAL_DEADLINES,
  TemporalError,
  type ExportedHistory,
  type FollowOptions,
  type GiveTask,
  type QueryLimits,
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
} from './temporal.js';

/**
 * Job: {@link TemporalPort} on Temporal's own client, through its raw service calls, so that every hop is one call.
 *
 * Boundary: with `temporal-rpc.ts` the only file that imports Temporal's client; histories and messages to runs are in
 * files of their own. Payloads pass through what `temporal-payloads.ts` has for the tenant of a run.
 *
 * Invariants
 * 1. Connecting is lazy: without Temporal the server starts, calls fail with `unknown`, and succeed once it is back.
 * 2. A start is idempotent by workflow id; "already started" is an answer, not an error.
 */

const { HistoryEventFilterType, WorkflowIdConflictPolicy, WorkflowIdReusePolicy } =
  proto.temporal.api.enums.v1;

const { PollWorkflowTaskQueueResponse } = proto.temporal.api.workflowservice.v1;

const PAGE_SIZE = 1_000;
/** Only runs that the platform started, and their children: they live on artifact task queues. */
const OURS = `TaskQueue STARTS_WITH 'artifact/'`;

class TemporalClientPort implements TemporalPort {
  readonly #rpc: TemporalRpc;
  readonly controls: TemporalControls;

  readonly schedules: TemporalSchedules;

  readonly #pollerFor: TemporalParts['pollerFor'];

  constructor(rpc: TemporalRpc, pollerFor: TemporalParts['pollerFor']) {
    this.#rpc = rpc;
    this.#pollerFor = pollerFor;
    this.schedules = new TemporalSchedules(rpc);
    this.controls = controlsOf(rpc);
  }

  async start(request: StartRequest): Promise<{ runId: string }> {
    const payloads = await toPayloads(this.#rpc.payloads.exact(request.workflowId), request.argument);
    const timeout = request.executionTimeoutSeconds;
    const give = this.#pollerFor?.(request.taskQueue);
    try {
      const response = await this.#rpc.call(TEMPORAL_DEADLINES.start, () =>
        this.#rpc.service.startWorkflowExecution({
          namespace: this.#rpc.namespace,
          identity: IDENTITY,
          requestId: request.requestId,
          workflowId: request.workflowId,
          workflowType: { name: request.workflowType },
          taskQueue: { name: request.taskQueue },
          input: { payloads },
          ...(request.priority === undefined ? {} : { priority: { priorityKey: request.priority } }),
          workflowIdReusePolicy: WorkflowIdReusePolicy.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
          workflowIdConflictPolicy: WorkflowIdConflictPolicy.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
          requestEagerExecution: give !== undefined,
          ...(timeout === undefined
            ? {}
            : {
                workflowExecutionTimeout: proto.google.protobuf.Duration.create({ seconds: longOf(timeout) }),
              }),
        }),
      );
      if (give && response.eagerWorkflowTask) this.#handOver(response.eagerWorkflowTask, give);
      return { runId: response.runId };
    } catch (error) {
      if (!isGrpcServiceError(error) || error.code !== GRPC.ALREADY_EXISTS) throw toTemporalError(error);
      const existing = await this.describe(request.workflowId);
      if (!existing)
        throw new TemporalError('the run was started before and is gone now', 'unknown', { cause: error });
      return { runId: existing.runId };
    }
  }

  /** A task that can no longer be given to a poll is failed, so that Temporal hands it out anew at once. */
  #handOver(task: temporal.api.workflowservice.v1.IPollWorkflowTaskQueueResponse, give: GiveTask): void {
    const { taskToken } = task;
    if (!taskToken?.length || give(PollWorkflowTaskQueueResponse.encode(task).finish())) return;
    this.#rpc
      .call(TEMPORAL_DEADLINES.call, () =>
        this.#rpc.service.respondWorkflowTaskFailed({
          namespace: this.#rpc.namespace,
          identity: IDENTITY,
          taskToken,
          failure: { message: 'the worker that was to take this task has gone', source: 'Pegasus' },
        }),
      )
      // Then it waits for its timeout, as after the death of a worker.
      .catch(() => undefined);
  }

  async describe(
    workflowId: string,
    options: { deadlineMs?: number } = {},
  ): Promise<RunDescription | undefined> {
    try {
      const { workflowExecutionInfo: info } = await this.#rpc.call(
        options.deadlineMs ?? TEMPORAL_DEADLINES.call,
        () =>
          this.#rpc.service.describeWorkflowExecution({
            namespace: this.#rpc.namespace,
            execution: { workflowId },
          }),
      );
      if (!info?.execution?.runId) return undefined;
      return {
        runId: info.execution.runId,
        status: runStatusOf(info.status),
        taskQueue: info.taskQueue ?? '',
        startedAt: optionalTsToDate(info.startTime) ?? new Date(0),
        closedAt: optionalTsToDate(info.closeTime),
      };
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw toTemporalError(error);
    }
  }

  async waitForClose(workflowId: string, options: WaitOptions): Promise<RunClose | undefined> {
    let runId = options.runId ?? (await this.describe(workflowId))?.runId;
    if (runId === undefined) return undefined;
    for (;;) {
      const event = await this.#closeEvent(workflowId, runId, options.signal);
      if (!event) return undefined;
      const next: string | undefined = nextRunOf(event) ?? (await this.#resetTo(workflowId, runId, event));
      if (!next) return this.#closeOf(workflowId, runId, event);
      runId = next;
      options.onRun?.(next);
      if (options.onlyClosed && (await this.describe(workflowId))?.status === 'RUNNING') return undefined;
    }
  }

  /** A reset terminates its run. Ids are not used twice, so a newer run of the same id can only come from one. */
  async #resetTo(
    workflowId: string,
    runId: string,
    event: temporal.api.history.v1.IHistoryEvent,
  ): Promise<string | undefined> {
    if (!event.workflowExecutionTerminatedEventAttributes) return undefined;
    const newest = await this.describe(workflowId);
    return newest?.runId === runId ? undefined : newest?.runId;
  }

  /** Long-polls one run's close event; `undefined` when the run is unknown. */
  async #closeEvent(
    workflowId: string,
    runId: string,
    signal: AbortSignal,
  ): Promise<temporal.api.history.v1.IHistoryEvent | undefined> {
    let nextPageToken: Uint8Array = new Uint8Array();
    for (;;) {
      signal.throwIfAborted();
      try {
        const ask = () =>
          this.#rpc.service.getWorkflowExecutionHistory({
            namespace: this.#rpc.namespace,
            execution: { workflowId, runId },
            nextPageToken,
            waitNewEvent: true,
            skipArchival: true,
            historyEventFilterType: HistoryEventFilterType.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT,
          });
        const response = await this.#rpc.call(TEMPORAL_DEADLINES.longPoll, ask, signal);
        const event = response.history?.events?.at(-1);
        if (event) return event;
        nextPageToken = response.nextPageToken ?? new Uint8Array();
      } catch (error) {
        signal.throwIfAborted();
        if (isNotFound(error)) return undefined;
        throw toTemporalError(error);
      }
    }
  }

  async #closeOf(
    workflowId: string,
    runId: string,
    event: temporal.api.history.v1.IHistoryEvent,
  ): Promise<RunClose> {
    const converter = this.#rpc.payloads.exact(workflowId);
    const at = { runId, closedAt: optionalTsToDate(event.eventTime) ?? new Date() };
    const completed = event.workflowExecutionCompletedEventAttributes;
    if (completed) {
      const [result] = await decodeArrayFromPayloads(converter, completed.result?.payloads);
      return { ...at, status: 'COMPLETED', result };
    }
    if (event.workflowExecutionFailedEventAttributes) {
      const { failure } = event.workflowExecutionFailedEventAttributes;
      const decoded = failure ? await readableFailure(converter, failure) : undefined;
      return { ...at, status: 'FAILED', failure: runFailureOf(decoded) };
    }
    if (event.workflowExecutionTimedOutEventAttributes) return { ...at, status: 'TIMED_OUT' };
    if (event.workflowExecutionCanceledEventAttributes) return { ...at, status: 'CANCELED' };
    const terminated = event.workflowExecutionTerminatedEventAttributes;
    if (terminated) return { ...at, status: 'TERMINATED', reason: terminated.reason ?? '' };
    throw new TemporalError(`event ${String(event.eventType)} does not close a run`, 'unknown');
  }

  history(workflowId: string, options: { withPending: boolean }): Promise<RunHistory | undefined> {
    return readHistory(this.#rpc, workflowId, options);
  }

  followHistory(workflowId: string, options: FollowOptions): AsyncGenerator<RunEvents, void> {
    return followHistory(this.#rpc, workflowId, options);
  }

  exportHistory(workflowId: string, maxBytes: number): Promise<ExportedHistory | 'too-large' | undefined> {
    return exportHistory(this.#rpc, workflowId, maxBytes);
  }

  signal(workflowId: string, message: SignalMessage): Promise<'sent' | 'closed' | 'unknown'> {
    return signalRun(this.#rpc, workflowId, message);
  }

  query(workflowId: string, message: RunMessage, limits: QueryLimits): Promise<QueryOutcome | undefined> {
    return queryRun(this.#rpc, workflowId, message, limits);
  }

  async cancel(workflowId: string, requestId: string): Promise<'requested' | 'closed' | 'unknown'> {
    // Temporal acknowledges the cancellation of a closed run as if it were open, so that has to be asked first.
    const run = await this.describe(workflowId);
    if (!run) return 'unknown';
    if (run.status !== 'RUNNING' && run.status !== 'CONTINUED_AS_NEW') return 'closed';
    try {
      await this.#rpc.call(TEMPORAL_DEADLINES.call, () =>
        this.#rpc.service.requestCancelWorkflowExecution({
          namespace: this.#rpc.namespace,
          workflowExecution: { workflowId },
          identity: IDENTITY,
          requestId,
        }),
      );
      return 'requested';
    } catch (error) {
      if (isNotFound(error)) return 'closed';
      throw toTemporalError(error);
    }
  }

  async terminate(workflowId: string, runId: string, reason: string): Promise<void> {
    try {
      await this.#rpc.call(TEMPORAL_DEADLINES.call, () =>
        this.#rpc.service.terminateWorkflowExecution({
          namespace: this.#rpc.namespace,
          workflowExecution: { workflowId, runId },
          identity: IDENTITY,
          reason,
        }),
      );
    } catch (error) {
      if (!isNotFound(error)) throw toTemporalError(error);
    }
  }

  listClosedSince(since: Date): AsyncIterable<VisibleRun> {
    return this.#list(
      `CloseTime >= '${since.toISOString()}' AND ExecutionStatus != 'ContinuedAsNew' AND ${OURS}`,
    );
  }

  listOpen(): AsyncIterable<VisibleRun> {
    return this.#list(`ExecutionStatus = 'Running' AND ${OURS}`);
  }

  async *#list(query: string): AsyncGenerator<VisibleRun> {
    let nextPageToken: Uint8Array = new Uint8Array();
    do {
      const response = await this.#rpc
        .call(TEMPORAL_DEADLINES.list, () =>
          this.#rpc.service.listWorkflowExecutions({
            namespace: this.#rpc.namespace,
            pageSize: PAGE_SIZE,
            query,
            nextPageToken,
          }),
        )
        .catch((error: unknown) => {
          throw toTemporalError(error);
        });
      for (const info of response.executions ?? []) {
        if (!info.execution?.workflowId || !info.execution.runId) continue;
        yield {
          workflowId: info.execution.workflowId,
          runId: info.execution.runId,
          status: runStatusOf(info.status),
          taskQueue: info.taskQueue ?? '',
          startedAt: optionalTsToDate(info.startTime) ?? new Date(0),
          closedAt: optionalTsToDate(info.closeTime),
          parentWorkflowId: info.parentExecution?.workflowId || undefined,
          rootWorkflowId: info.rootExecution?.workflowId || undefined,
        };
      }
      nextPageToken = response.nextPageToken ?? new Uint8Array();
    } while (nextPageToken.length > 0);
  }

  async ping(): Promise<void> {
    await this.#rpc
      .call(TEMPORAL_DEADLINES.startCheck, () =>
        this.#rpc.service.describeNamespace({ namespace: this.#rpc.namespace }),
      )
      .catch((error: unknown) => {
        throw toTemporalError(error);
      });
  }

  async close(): Promise<void> {
    await this.#rpc.close();
  }
}

function controlsOf(rpc: TemporalRpc): TemporalControls {
  return {
    update: (...call) => updateRun(rpc, ...call),
    pollUpdate: (...call) => pollUpdate(rpc, ...call),
    terminateNewest: (...call) => terminateNewest(rpc, ...call),
    reset: (...call) => resetRun(rpc, ...call),
    pause: (...call) => pauseRun(rpc, ...call),
    unpause: (...call) => unpauseRun(rpc, ...call),
  };
}

function longOf(value: number) {
  return proto.google.protobuf.Duration.fromObject({ seconds: value }).seconds;
}

/** What a port may be given. */
export interface TemporalParts {
  /** Without it nothing is encrypted, and what is stays unread. */
  payloads?: PayloadSources;
  /** Takes the first task of a run on the queue, if a poll waits for one; without it every start is an ordinary one. */
  pollerFor?: (taskQueue: string) => GiveTask | undefined;
}

/**
 * A port to the cluster of the settings. Answers at once; the connection is made by the first call and remade, with
 * short pauses, whenever it is lost (invariant 1).
 */
export function connectTemporal(
  settings: TemporalSettings,
  { payloads, pollerFor }: TemporalParts = {},
): TemporalPort {
  const connection = Connection.lazy({
    ...temporalConnectionOptions(settings),
    channelArgs: {
      'grpc.initial_reconnect_backoff_ms': 200,
      'grpc.max_reconnect_backoff_ms': 2_000,
      'grpc.keepalive_permit_without_calls': 1,
      'grpc.keepalive_time_ms': 30_000,
      'grpc.keepalive_timeout_ms': 15_000,
    },
  });
  const rpc = new TemporalRpc(connection, settings.namespace, new TemporalPayloads(payloads));
  return new TemporalClientPort(rpc, pollerFor);
}
