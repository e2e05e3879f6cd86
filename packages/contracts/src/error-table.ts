/**
 * One row per failure the platform can report: its HTTP status, the exit code a command ends with, and whether the
 * very same call may succeed later without anything being changed. The table is the enum: a code that is not here
 * does not exist.
 *
 * Exit codes: 1 failed, 2 usage or invalid input, 3 authentication or permission, 4 not found, 5 conflict,
 * 6 unreachable or temporarily unavailable.
 */
export const ERROR_TABLE = {
  VALIDATION_ERROR: { status: 400, exitCode: 2, retryable: false },
  WORKFLOW_NOT_EXECUTABLE: { status: 400, exitCode: 1, retryable: false },
  REQUIREMENTS_MISSING: { status: 400, exitCode: 2, retryable: false },
  UNAUTHENTICATED: { status: 401, exitCode: 3, retryable: false },
  UPLOAD_URL_INVALID: { status: 403, exitCode: 3, retryable: false },
  FORBIDDEN: { status: 403, exitCode: 3, retryable: false },
  FEATURE_DISABLED: { status: 403, exitCode: 3, retryable: false },
  WORKFLOW_MUST_FORK: { status: 403, exitCode: 3, retryable: false },
  NOT_FOUND: { status: 404, exitCode: 4, retryable: false },
  METHOD_NOT_ALLOWED: { status: 405, exitCode: 1, retryable: false },
  CONFLICT: { status: 409, exitCode: 5, retryable: false },
  DEPENDENTS_EXIST: { status: 409, exitCode: 5, retryable: false },
  EXECUTION_NOT_CANCELLABLE: { status: 409, exitCode: 5, retryable: false },
  EXECUTION_NOT_OPEN: { status: 409, exitCode: 5, retryable: false },
  EXECUTION_NOT_RETRYABLE: { status: 409, exitCode: 5, retryable: false },
  EXECUTION_NOT_PAUSABLE: { status: 409, exitCode: 5, retryable: false },
  EXECUTION_NOT_RESETTABLE: { status: 409, exitCode: 5, retryable: false },
  IDEMPOTENCY_KEY_REUSED: { status: 409, exitCode: 5, retryable: false },
  SMS_OPTED_OUT: { status: 409, exitCode: 5, retryable: false },
  LENGTH_REQUIRED: { status: 411, exitCode: 2, retryable: false },
  PRECONDITION_FAILED: { status: 412, exitCode: 5, retryable: false },
  PAYLOAD_TOO_LARGE: { status: 413, exitCode: 2, retryable: false },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, exitCode: 2, retryable: false },
  ARTIFACT_TOO_LARGE: { status: 422, exitCode: 2, retryable: false },
  ARTIFACT_INVALID: { status: 422, exitCode: 2, retryable: false },
  DRY_RUN_UNSUPPORTED: { status: 422, exitCode: 1, retryable: false },
  GATE_FAILED: { status: 422, exitCode: 1, retryable: false },
  QUERY_REJECTED: { status: 422, exitCode: 1, retryable: false },
  UPDATE_REJECTED: { status: 422, exitCode: 1, retryable: false },
  EXTERNAL_ADDRESS_REFUSED: { status: 422, exitCode: 1, retryable: false },
  REPLAY_DIVERGED: { status: 422, exitCode: 1, retryable: false },
  WORKFLOW_QUARANTINED: { status: 423, exitCode: 1, retryable: false },
  WORKFLOWS_DISABLED: { status: 423, exitCode: 1, retryable: true },
  CONCURRENCY_LIMIT: { status: 429, exitCode: 6, retryable: true },
  DAILY_QUOTA_EXCEEDED: { status: 429, exitCode: 6, retryable: true },
  RATE_LIMITED: { status: 429, exitCode: 6, retryable: true },
  STORAGE_QUOTA_EXCEEDED: { status: 429, exitCode: 6, retryable: false },
  INTERNAL_ERROR: { status: 500, exitCode: 1, retryable: true },
  TEMPORAL_START_FAILED: { status: 502, exitCode: 6, retryable: true },
  TEMPORAL_HISTORY_UNAVAILABLE: { status: 502, exitCode: 6, retryable: true },
  TEMPORAL_CANCEL_FAILED: { status: 502, exitCode: 6, retryable: true },
  TEMPORAL_SIGNAL_FAILED: { status: 502, exitCode: 6, retryable: true },
  TEMPORAL_QUERY_FAILED: { status: 502, exitCode: 6, retryable: true },
  TEMPORAL_UPDATE_FAILED: { status: 502, exitCode: 6, retryable: true },
  TEMPORAL_CONTROL_FAILED: { status: 502, exitCode: 6, retryable: true },
  UPSTREAM_ERROR: { status: 502, exitCode: 6, retryable: true },
  SERVICE_UNAVAILABLE: { status: 503, exitCode: 6, retryable: true },
} as const satisfies Record<string, { status: number; exitCode: number; retryable: boolean }>;

export type ErrorCode = keyof typeof ERROR_TABLE;

export interface PegasusErrorOptions {
  problems?: string[];
  data?: unknown;
  /** What the gate has found, with GATE_FAILED. */
  report?: unknown;
  cause?: unknown;
  /** When the very same call is worth repeating: the answer's `Retry-After`, in whole seconds. */
  retryAfterSeconds?: number;
  /** What to do next, one sentence. Commands print it under the message; it is not on the wire. */
  hint?: string;
}

/** A failure with a code of the table. Thrown inside the platform; the HTTP layer turns it into an {@link ErrorBody}. */
export class PegasusError extends Error {
  readonly code: ErrorCode;
  readonly problems: string[] | undefined;
  readonly data: unknown;
  readonly report: unknown;
  readonly hint: string | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: ErrorCode, message: string, options: PegasusErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'PegasusError';
    this.code = code;
    this.problems = options.problems;
    this.data = options.data;
    this.report = options.report;
    this.hint = options.hint;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }

  get status(): number {
    return ERROR_TABLE[this.code].status;
  }
  get exitCode(): number {
    return ERROR_TABLE[this.code].exitCode;
  }
  get retryable(): boolean {
    return ERROR_TABLE[this.code].retryable;
  }
}
