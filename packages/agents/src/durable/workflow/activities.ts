import {
  ActivityCancellationType,
  ActivityFailure,
  ApplicationFailure,
  isCancellation,
  proxyActivities,
  TimeoutFailure,
  type ActivityOptions,
} from '@temporalio/workflow';
import { EngineError } from '../../engines/engine.js';
import { FAILURES, type DispatchActivities } from '../protocol.js';

/** To open or to end a tier, which may copy a repository. Milliseconds. */
export const OPEN_MS = 10 * 60_000;
/** Until the host has said what its own is. Milliseconds. */
export const FIRST_HEARTBEAT_MS = 10_000;
/** Longer than the longest command line. */
export const CALL_MS = 15 * 60_000;

/** An attempt may be lost with its host; the dispatch's own time bounds all of them together. */
const RETRY = { initialInterval: 200, backoffCoefficient: 2, maximumInterval: 10_000, maximumAttempts: 100 };
/** Until somebody does it. */
export const ALWAYS_AGAIN = { initialInterval: 200, backoffCoefficient: 2, maximumInterval: 10_000 };

/** Where calls go, and how long for; milliseconds. `taskQueue`: the workflow's own, unless given. */
export interface CallBounds extends Pick<ActivityOptions, 'taskQueue'> {
  startToCloseTimeout: number;
  heartbeatTimeout: number;
  scheduleToStartTimeout?: number | undefined;
}

/**
 * A host's calls, each with its own bounds. A call that is cancelled is waited for: after it nothing that it has begun
 * goes on.
 */
export function activities<A = DispatchActivities>(
  { taskQueue, scheduleToStartTimeout, ...bounds }: CallBounds,
  retry: ActivityOptions['retry'] = RETRY,
): A {
  const options: ActivityOptions = {
    ...bounds,
    retry,
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  };
  if (scheduleToStartTimeout !== undefined) options.scheduleToStartTimeout = scheduleToStartTimeout;
  if (taskQueue !== undefined) options.taskQueue = taskQueue;
  return proxyActivities<A & Record<string, (...args: never[]) => Promise<unknown>>>(options) as A;
}

/** What the host said, without Temporal's words around it. */
class HostFailure extends Error {
  override readonly name = 'HostFailure';
  constructor(
    message: string,
    readonly type: string | undefined,
  ) {
    super(message);
  }
}

/** Rejects with what the host said, or with the cancellation as it is. */
export async function plainly<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
    const { cause } = error;
    const type = cause instanceof ApplicationFailure ? (cause.type ?? undefined) : undefined;
    if (cause instanceof TimeoutFailure && cause.timeoutType === 'SCHEDULE_TO_START')
      throw new HostFailure('The host that works on it has been away for too long.', type);
    throw new HostFailure(cause?.message ?? error.message, type);
  }
}

export function isTranscriptNeeded(error: unknown): boolean {
  return error instanceof HostFailure && error.type === FAILURES.transcriptNeeded;
}

/** An engine's error as the loop knows it; any other as it is. */
export function asEngineError(error: unknown): unknown {
  if (!(error instanceof HostFailure)) return error;
  if (error.type !== FAILURES.engineRefused && error.type !== FAILURES.engineFailed) return error;
  return new EngineError(error.message, error.type === FAILURES.engineRefused);
}
