import { status } from '@grpc/grpc-js';

/**
 * A call that the gateway does not make for a worker. The message is one sentence that names the rule; it reaches the
 * worker, and so the author, and the supervisor's log: it repeats nothing of a payload.
 */
export class Refusal extends Error {
  constructor(
    readonly code: status,
    /** Stable name of the rule, for logs and counts. */
    readonly rule: string,
    message: string,
  ) {
    super(message);
    this.name = 'Refusal';
  }

  static denied(rule: string, message: string): Refusal {
    return new Refusal(status.PERMISSION_DENIED, rule, message);
  }

  static invalid(rule: string, message: string): Refusal {
    return new Refusal(status.INVALID_ARGUMENT, rule, message);
  }
}
