import { ERROR_TABLE, errorCodeSchema, type ErrorBody } from '@pegasus-workflows/contracts';
import { hintFor } from './hints.js';

/** Shared by every copy of this module in a process: two bundled copies still know each other's errors. */
const KIND = Symbol.for('pegasus-workflows-sdk.error-kind');
type Kind = 'api' | 'connection' | 'timeout' | 'decode';

/** What every failure of the client has in common. Catch this one to catch them all; no token is ever in any of them. */
export abstract class PegasusClientError extends Error {
  abstract readonly [KIND]: Kind;
  /** What to do next, one sentence, where there is something to say. */
  abstract readonly hint: string | undefined;
  /** The exit code a command ends with, by the platform's error table. */
  abstract readonly exitCode: number;
  /** Whether the very same call may succeed later with nothing changed. */
  abstract readonly retryable: boolean;
}

/** The server answered, and its answer is a failure. */
export class PegasusApiError extends PegasusClientError {
  override readonly name = 'PegasusApiError';
  readonly [KIND] = 'api';
  /** HTTP status. */
  readonly status: number;
  /** A code of the platform's error table, an unknown newer one, or `HTTP_<status>` when the answer had no readable body. */
  readonly code: string;
  /** What is wrong with an artifact, one line each (ARTIFACT_INVALID). */
  readonly problems: string[] | undefined;
  /** The FAILED execution that comes with TEMPORAL_START_FAILED. */
  readonly data: unknown;
  /** What the gate has found (GATE_FAILED). */
  readonly report: unknown;
  /** What to quote to the operator; their log has the same id. */
  readonly correlationId: string | undefined;
  /** How long the server asked to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(status: number, body: ErrorBody, retryAfterMs?: number) {
    super(body.error);
    this.status = status;
    this.code = body.code;
    this.problems = body.problems;
    this.data = body.data;
    this.report = body.report;
    this.correlationId = body.correlationId;
    this.retryAfterMs = retryAfterMs;
  }

  get hint(): string | undefined {
    return hintFor(this.code, this.status, this.correlationId);
  }
  get exitCode(): number {
    const known = errorCodeSchema.safeParse(this.code);
    return known.success ? ERROR_TABLE[known.data].exitCode : exitCodeOfStatus(this.status);
  }
  get retryable(): boolean {
    const known = errorCodeSchema.safeParse(this.code);
    return known.success ? ERROR_TABLE[known.data].retryable : this.status >= 500 || this.status === 429;
  }
}

/** No answer came: the server could not be reached, or the connection broke. */
export class PegasusConnectionError extends PegasusClientError {
  override readonly name = 'PegasusConnectionError';
  readonly [KIND] = 'connection';
  readonly hint: string;
  readonly exitCode = 6;
  readonly retryable = true;

  constructor(message: string, options: { cause?: unknown; hint?: string } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.hint =
      options.hint ?? 'Check that the server is running and that the base URL is right, then try again.';
  }
}

/** No answer came in time; whether the call took effect is not known. */
export class PegasusTimeoutError extends PegasusClientError {
  override readonly name = 'PegasusTimeoutError';
  readonly [KIND] = 'timeout';
  readonly hint: string;
  readonly exitCode = 6;
  readonly retryable = true;
  /** The limit that passed, in milliseconds. */
  readonly timeoutMs: number;

  constructor(message: string, options: { timeoutMs: number; hint?: string }) {
    super(message);
    this.timeoutMs = options.timeoutMs;
    this.hint = options.hint ?? 'Try again, or allow more time with `timeoutMs`.';
  }
}

/** The server answered with success, but not in the shape of the contract. */
export class PegasusDecodeError extends PegasusClientError {
  override readonly name = 'PegasusDecodeError';
  readonly [KIND] = 'decode';
  readonly hint =
    'The server is not a Pegasus server, or speaks a newer contract: check the base URL, else update this package.';
  readonly exitCode = 1;
  readonly retryable = false;
  /** Dotted path of the first field that does not fit, such as `data.status`; empty when the body is not JSON at all. */
  readonly field: string;

  constructor(message: string, options: { field: string; cause?: unknown }) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.field = options.field;
  }
}

function kindOf(error: unknown): unknown {
  return error instanceof Error && KIND in error ? error[KIND] : undefined;
}

/** `instanceof` that also holds for errors of another copy of this package (two bundles, two versions). */
export function isPegasusApiError(error: unknown): error is PegasusApiError {
  return kindOf(error) === 'api';
}
/** See {@link isPegasusApiError}. */
export function isPegasusConnectionError(error: unknown): error is PegasusConnectionError {
  return kindOf(error) === 'connection';
}
/** See {@link isPegasusApiError}. */
export function isPegasusTimeoutError(error: unknown): error is PegasusTimeoutError {
  return kindOf(error) === 'timeout';
}
/** See {@link isPegasusApiError}. */
export function isPegasusDecodeError(error: unknown): error is PegasusDecodeError {
  return kindOf(error) === 'decode';
}
/** Any of the client's four errors, of any copy of this package. */
export function isPegasusClientError(error: unknown): error is PegasusClientError {
  return kindOf(error) !== undefined;
}

function exitCodeOfStatus(status: number): number {
  if (status === 401 || status === 403) return 3;
  if (status === 404) return 4;
  if (status === 409) return 5;
  if (status === 429 || (status >= 502 && status <= 504)) return 6;
  return status === 400 || status === 422 ? 2 : 1;
}
