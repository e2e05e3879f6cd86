import { status } from '@grpc/grpc-js';
import { CallFailed, wireText } from './grpc.js';

/**
 * A call that the gateway does not make for a worker. The message is one sentence that names the rule; it reaches the
 * worker, and so the author, and the supervisor's log: it repeats nothing of a payload.
 */
export class Refusal extends CallFailed {
  constructor(
    code: status,
    /** Stable name of the rule, for logs and counts. */
    readonly rule: string,
    message: string,
  ) {
    super(code, wireText(message));
    this.message = message;
    this.name = 'Refusal';
  }

  static denied(rule: string, message: string): Refusal {
    return new Refusal(status.PERMISSION_DENIED, rule, message);
  }

  static exhausted(rule: string, message: string): Refusal {
    return new Refusal(status.RESOURCE_EXHAUSTED, rule, message);
  }

  static invalid(rule: string, message: string): Refusal {
    return new Refusal(status.INVALID_ARGUMENT, rule, message);
  }
}
