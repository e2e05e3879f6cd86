import { isGrpcServiceError, type Connection } from '@temporalio/client';
import { type TemporalPayloads } from './temporal-payloads.js';
import { TemporalError } from './temporal.js';

/**
 * Job: one call of Temporal's service: its deadline, and its failure in the port's words.
 *
 * Boundary: what the calls mean is said in the `temporal-*.ts` files beside this one, which together are
 * `TemporalPort` on a real cluster.
 *
 * Invariants
 * 1. No call outlives its deadline, whatever state the connection is in.
 * 2. A call that has ended leaves nothing at the signal that could have aborted it.
 */
export class TemporalRpc {
  readonly #connection: Connection;
  readonly namespace: string;
  /** What payloads pass through. */
  readonly payloads: TemporalPayloads;

  constructor(connection: Connection, namespace: string, payloads: TemporalPayloads) {
    this.#connection = connection;
    this.namespace = namespace;
    this.payloads = payloads;
  }

  get service() {
    return this.#connection.workflowService;
  }

  /** Rejects with gRPC's own error, for the caller to tell apart, with a TemporalError, or with the signal's reason. */
  async call<T>(deadlineMs: number, call: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const bounded = (): Promise<T> => this.#connection.withDeadline(Date.now() + deadlineMs, call);
    // Invariant 2: the client leaves its listener, and with it the whole call, at the signal that it is given.
    const aborting = new AbortController();
    const abort = (): void => aborting.abort(signal?.reason);
    signal?.throwIfAborted();
    signal?.addEventListener('abort', abort);
    try {
      return await (signal ? this.#connection.withAbortSignal(aborting.signal, bounded) : bounded());
    } catch (error) {
      throw isGrpcServiceError(error) ? error : toTemporalError(error);
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }
}

/** Who the server says it is in Temporal's events. */
export const IDENTITY = `pegasus-server@${process.pid}`;

/** gRPC status codes, fixed by the protocol. */
export const GRPC = {
  CANCELLED: 1,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  FAILED_PRECONDITION: 9,
  UNIMPLEMENTED: 12,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const;

/**
 * The deadline of a call passed. Temporal knows the deadline too: where its clock is first, it ends the stream, and the
 * caller sees a cancelled call that it did not cancel.
 */
export const OUT_OF_TIME: readonly number[] = [GRPC.DEADLINE_EXCEEDED, GRPC.CANCELLED];

/** Temporal looked at the request and said no: nothing happened. */
const REFUSALS: readonly number[] = [
  GRPC.INVALID_ARGUMENT,
  GRPC.NOT_FOUND,
  GRPC.PERMISSION_DENIED,
  GRPC.FAILED_PRECONDITION,
  GRPC.UNIMPLEMENTED,
  GRPC.UNAUTHENTICATED,
];

/** Said instead of gRPC's own words, which name hosts and channel states. */
const PLAIN: Partial<Record<number, string>> = {
  [GRPC.DEADLINE_EXCEEDED]: 'it did not answer in time',
  [GRPC.CANCELLED]: 'it did not answer in time',
  [GRPC.UNAVAILABLE]: 'it cannot be reached',
};

/** Any failure of a call in the port's words. */
export function toTemporalError(error: unknown): TemporalError {
  if (error instanceof TemporalError) return error;
  if (!isGrpcServiceError(error)) {
    return new TemporalError(error instanceof Error ? error.message : String(error), 'refused', {
      cause: error,
    });
  }
  const certainty = REFUSALS.includes(error.code) ? 'refused' : 'unknown';
  return new TemporalError(PLAIN[error.code] ?? (error.details || error.message), certainty, {
    cause: error,
  });
}

/** Whether Temporal does not know the run. */
export function isNotFound(error: unknown): boolean {
  // A missing namespace is NOT_FOUND as well, and must not be mistaken for a missing run.
  return isGrpcServiceError(error) && error.code === GRPC.NOT_FOUND && !/namespace/i.test(error.details);
}
