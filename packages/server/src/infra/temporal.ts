import { type HistoryEvent, type PendingActivity } from '@pegasus-workflows/contracts';
import { type SchedulePort } from './schedule-port.js';
import { type TemporalControls } from './temporal-controls.js';

/**
 * What the server asks of Temporal, in its own words. `temporal-client.ts` is the real thing; tests have a
 * hand-controlled one; one contract suite runs on both.
 */
export interface TemporalPort {
  /** Schedules and their ticks, on the same connection. */
  readonly schedules: SchedulePort;
  /** What interferes with open runs. */
  readonly controls: TemporalControls;
  /**
   * Starts a run. Idempotent by workflow id: a second start of the same id starts nothing and answers with the run
   * that is there. Rejects with {@link TemporalError}, whose `certainty` says whether a run may exist nevertheless.
   */
  start(request: StartRequest): Promise<{ runId: string }>;
  /** The newest run of a workflow id; `undefined` when Temporal knows none. */
  describe(workflowId: string, options?: { deadlineMs?: number }): Promise<RunDescription | undefined>;
  /**
   * Waits until the chain of runs that begins at `runId` (the newest run when absent) has closed, following
   * continue-as-new and resets. Answers at once when it is closed already; `undefined` when Temporal does not know the
   * run. `onRun` hears of every later run of the chain. Rejects when `signal` aborts.
   */
  waitForClose(workflowId: string, options: WaitOptions): Promise<RunClose | undefined>;
  /**
   * All events of the newest run, in order; `undefined` when Temporal does not know it. `withPending` asks for the
   * activities under way too, at the price of one more call, whose failure only leaves them out.
   */
  history(workflowId: string, options: { withPending: boolean }): Promise<RunHistory | undefined>;
  /**
   * The events of a run (the newest when `runId` is absent) and of those that continue it, from the first or after
   * `afterEventId`, as they happen; ends with the chain, and at once when Temporal does not know the run. Never throws
   * because `signal` aborts: it ends. Rejects with {@link TemporalError} when Temporal does not answer.
   */
  followHistory(workflowId: string, options: FollowOptions): AsyncGenerator<RunEvents, void>;
  /** The newest run's whole history as Temporal's own JSON; `undefined` when Temporal does not know it. */
  exportHistory(workflowId: string, maxBytes: number): Promise<ExportedHistory | 'too-large' | undefined>;
  /** Sends a signal to the newest run. */
  signal(workflowId: string, message: SignalMessage): Promise<'sent' | 'closed' | 'unknown'>;
  /**
   * Asks the newest run, open or closed; `undefined` when Temporal does not know it. A worker that is not there yet is
   * waited for; rejects with {@link TemporalError} when none answered within the limits.
   */
  query(workflowId: string, message: RunMessage, limits: QueryLimits): Promise<QueryOutcome | undefined>;
  /** Asks the newest run to cancel. `requestId` makes a repeated request count once. */
  cancel(workflowId: string, requestId: string): Promise<'requested' | 'closed' | 'unknown'>;
  /** Ends a run at once; nothing happens when it is closed or unknown. */
  terminate(workflowId: string, runId: string, reason: string): Promise<void>;
  /** Runs on artifact task queues that closed at or after `since`, newest chain end only. Eventually consistent. */
  listClosedSince(since: Date): AsyncIterable<VisibleRun>;
  /** Every open run on an artifact task queue, child runs included. Eventually consistent. */
  listOpen(): AsyncIterable<VisibleRun>;
  /** Rejects when Temporal or the namespace does not answer. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** Hands a serialized `PollWorkflowTaskQueueResponse` to a worker's poll. @returns whether it is on its way */
export type GiveTask = (task: Uint8Array) => boolean;

export interface StartRequest {
  workflowId: string;
  /** Dedupes retries of this very start inside Temporal. */
  requestId: string;
  workflowType: string;
  taskQueue: string;
  /** Of the whole chain of runs; no limit when absent. */
  executionTimeoutSeconds?: number | undefined;
  /** 1 is the most urgent, 5 the least; 3 when absent. */
  priority?: number | undefined;
  /** The workflow's single argument. */
  argument: unknown;
}

export interface WaitOptions {
  signal: AbortSignal;
  runId?: string | undefined;
  onRun?: (runId: string) => void;
  /** The run is known to be closed; when a later one of its chain is open, do not wait for it: answer `undefined`. */
  onlyClosed?: boolean;
}

export type RunStatus =
  'RUNNING' | 'COMPLETED' | 'FAILED' | 'TIMED_OUT' | 'CANCELED' | 'TERMINATED' | 'CONTINUED_AS_NEW';

export interface RunDescription {
  runId: string;
  status: RunStatus;
  taskQueue: string;
  startedAt: Date;
  closedAt?: Date | undefined;
}

/** How a chain of runs ended. */
export type RunClose = { runId: string; closedAt: Date } & (
  | { status: 'COMPLETED'; result: unknown }
  | { status: 'FAILED'; failure: RunFailure }
  | { status: 'TIMED_OUT' }
  | { status: 'CANCELED' }
  | { status: 'TERMINATED'; reason: string }
);

/** A failure as Temporal recorded it, decoded; `cause` leads to what really happened. */
export interface RunFailure {
  kind:
    | 'application'
    | 'timeout'
    | 'canceled'
    | 'terminated'
    | 'server'
    | 'activity'
    | 'child'
    | 'nexus'
    | 'other';
  message: string;
  /** An application failure's error name, a timeout's kind, an activity's or child's type. */
  type?: string | undefined;
  stackTrace: string;
  cause?: RunFailure | undefined;
}

export interface RunHistory {
  events: HistoryEvent[];
  /** Absent when they were not asked for, or could not be had. */
  pendingActivities?: PendingActivity[] | undefined;
}

export interface FollowOptions {
  signal: AbortSignal;
  runId?: string | undefined;
  /** Events of `runId` up to this one are not wanted. */
  afterEventId?: number | undefined;
}

/** Events of one run, in order, at least one. */
export interface RunEvents {
  runId: string;
  events: HistoryEvent[];
}

export interface ExportedHistory {
  runId: string;
  workflowType: string;
  /** A JSON array of events in proto3 JSON, as text: it may be large, and nothing here looks into it. */
  eventsJson: string;
}

/** What is sent to a run: the name of one of its handlers, and what to call it with. */
export interface RunMessage {
  name: string;
  args: readonly unknown[];
}

export interface SignalMessage extends RunMessage {
  /** Makes a repeated signal count once, as long as it is the same run. */
  requestId: string;
}

export interface QueryLimits {
  deadlineMs: number;
  signal?: AbortSignal | undefined;
}

/** `rejected`: the run's code, or Temporal on its behalf, said no; asking again changes nothing. */
export type QueryOutcome = { kind: 'answered'; result: unknown } | { kind: 'rejected'; reason: string };

export interface VisibleRun {
  workflowId: string;
  runId: string;
  status: RunStatus;
  taskQueue: string;
  startedAt: Date;
  closedAt?: Date | undefined;
  /** Set on a child run. */
  parentWorkflowId?: string | undefined;
  /** The run at the root of the tree of children that it is in; where Temporal tells it. */
  rootWorkflowId?: string | undefined;
}

/**
 * A call to Temporal that did not succeed. `certainty`: `refused` when Temporal said no and nothing happened,
 * `unknown` when the call may have had its effect (a deadline, a lost connection, an overloaded cluster).
 */
export class TemporalError extends Error {
  constructor(
    message: string,
    readonly certainty: 'refused' | 'unknown',
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.name = 'TemporalError';
  }
}

/** Milliseconds a call to Temporal may take, retries included. */
export const TEMPORAL_DEADLINES = {
  start: 8_000,
  /** After a start whose outcome is unknown: how long to ask whether it happened. */
  startCheck: 2_000,
  call: 5_000,
  /** One round of a long poll; Temporal itself answers an idle one after about 20 s. */
  longPoll: 35_000,
  list: 10_000,
  /** A query, the start of a worker for it included. */
  query: 40_000,
} as const;
