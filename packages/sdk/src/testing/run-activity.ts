import type { Info } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import type { LocalPlatform } from './local-platform/local-platform.js';

export interface RunActivityOptions {
  /** What `PegasusClient.fromRuntime()` in the activity finds: see `createLocalPlatform`. Without one it finds none. */
  platform?: LocalPlatform | undefined;
  /** What `activityInfo()` says, beyond the defaults. */
  info?: Partial<Info> | undefined;
  /** Attempts as Temporal would make them, without the waiting between; default 1. */
  maximumAttempts?: number | undefined;
  /** Called at each heartbeat; `cancel` requests cancellation, as Temporal's answer to a heartbeat does. */
  onHeartbeat?: ((details: unknown, cancel: () => void) => void) | undefined;
  /** Request cancellation at this heartbeat, counted from 1. */
  cancelAfterHeartbeats?: number | undefined;
  /** Request cancellation after this many milliseconds of real time. */
  cancelAfterMs?: number | undefined;
  /** Request cancellation when this is aborted. */
  signal?: AbortSignal | undefined;
}

export interface ActivityOutcome<R> {
  result: R;
  /** Details of every heartbeat, of all attempts, in order. */
  heartbeats: unknown[];
  /** How many attempts it took. */
  attempts: number;
}

/**
 * Runs an activity offline: its heartbeats are recorded, cancellation and retries are as Temporal makes them, and
 * each attempt finds the last heartbeat's details in its info. No server, no worker.
 *
 * @throws what the last attempt threw; a CancelledFailure when it was cancelled
 */
export async function runActivity<A extends unknown[], R>(
  activity: (...args: A) => Promise<R> | R,
  args: A,
  options: RunActivityOptions = {},
): Promise<ActivityOutcome<R>> {
  const { info = {}, maximumAttempts = 1 } = options;
  const heartbeats: unknown[] = [];
  let heartbeatDetails: unknown = info.heartbeatDetails;
  for (let attempt = info.attempt ?? 1, made = 1; ; attempt++, made++) {
    const environment = new MockActivityEnvironment(
      { activityType: activity.name || 'unknown', ...info, attempt, heartbeatDetails },
      { logger: new DefaultLogger('ERROR') },
    );
    const cancel = () => environment.cancel();
    environment.on('heartbeat', (details: unknown) => {
      heartbeats.push(details);
      heartbeatDetails = details;
      options.onHeartbeat?.(details, cancel);
      if (heartbeats.length === options.cancelAfterHeartbeats) cancel();
    });
    const timer = options.cancelAfterMs === undefined ? undefined : setTimeout(cancel, options.cancelAfterMs);
    options.signal?.addEventListener('abort', cancel, { once: true });
    if (options.signal?.aborted) cancel();
    try {
      const run = (): Promise<R> => environment.run(async (...given: A) => activity(...given), ...args);
      const result = await (options.platform ? options.platform.run(run) : run());
      return { result, heartbeats, attempts: made };
    } catch (error) {
      const final = environment.context.cancellationSignal.aborted || made >= maximumAttempts;
      if (final || (error instanceof ApplicationFailure && error.nonRetryable)) throw error;
    } finally {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', cancel);
    }
  }
}
