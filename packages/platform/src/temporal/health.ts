import { Connection } from '@temporalio/client';
import { temporalConnectionOptions, type TemporalSettings } from '@pegasus-workflows/kit';
import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 50;
const ATTEMPT_MS = 5_000;
/** A server that is just starting is tried again soon, not after gRPC's first back-off of a second. */
const EAGER_RECONNECT = {
  'grpc.initial_reconnect_backoff_ms': 50,
  'grpc.min_reconnect_backoff_ms': 50,
  'grpc.max_reconnect_backoff_ms': 200,
};

/** gRPC statuses that waiting does not change on a running cluster: what is missing or refused stays so. */
const FINAL_FAILURE = /^\d+ (NOT_FOUND|UNAUTHENTICATED|PERMISSION_DENIED|INVALID_ARGUMENT):/;

export interface WaitForTemporalOptions {
  timeoutMs: number;
  /** Default: the one of the settings. */
  namespaces?: string[];
  /** The cluster is there or not: a missing namespace or a refused credential is final. Default false. */
  failFast?: boolean;
  signal?: AbortSignal;
}

/**
 * Resolves when a Temporal frontend answers and every given namespace is there.
 * @throws Error naming the address and the last failure, after `timeoutMs` or when aborted.
 */
export async function waitForTemporal(
  settings: TemporalSettings,
  options: WaitForTemporalOptions,
): Promise<void> {
  const deadline = performance.now() + options.timeoutMs;
  const namespaces = options.namespaces ?? [settings.namespace];
  for (;;) {
    const remainingMs = Math.max(deadline - performance.now(), POLL_MS);
    const failure = await probeTemporal(settings, namespaces, Math.min(ATTEMPT_MS, remainingMs));
    if (failure === undefined) return;
    options.signal?.throwIfAborted();
    if (options.failFast && FINAL_FAILURE.test(failure))
      throw new Error(`Temporal at ${settings.address} is not usable: ${failure}`);
    if (performance.now() >= deadline)
      throw new Error(
        `Temporal at ${settings.address} did not answer within ${options.timeoutMs / 1000} s: ${failure}`,
      );
    await delay(POLL_MS);
  }
}

/**
 * One attempt: undefined when Temporal answers for every namespace, else why not, in one line. Nothing is asked twice:
 * the SDK would repeat what has failed until the deadline, and then say only that it has passed.
 */
export async function probeTemporal(
  settings: TemporalSettings,
  namespaces: string[] = [settings.namespace],
  timeoutMs = ATTEMPT_MS,
): Promise<string | undefined> {
  let connection: Connection | undefined;
  try {
    connection = await Connection.connect({
      ...temporalConnectionOptions(settings),
      connectTimeout: timeoutMs,
      channelArgs: EAGER_RECONNECT,
      interceptors: [],
    });
    const { workflowService } = connection;
    await connection.withDeadline(Date.now() + timeoutMs, async () => {
      for (const namespace of namespaces) await workflowService.describeNamespace({ namespace });
    });
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message.split('\n')[0]! : String(error);
  } finally {
    await connection?.close();
  }
}
