import { type ExecutionStatus } from '@pegasus-workflows/contracts';
import { failureSentence, oneLine } from '../infra/failure-text.js';
import { scanJson } from '../infra/json-scan.js';
import { type RunClose } from '../infra/temporal.js';

/** Largest result a row keeps, in bytes of JSON. Temporal's own limit for one payload. */
export const RESULT_BYTES_MAX = 2 * 1024 * 1024;

/** What a closed run makes of its row. */
export interface Outcome {
  status: Extract<ExecutionStatus, 'COMPLETED' | 'FAILED' | 'TIMED_OUT' | 'CANCELLED'>;
  result: unknown;
  errorMessage: string | null;
  temporalRunId: string | null;
  finishedAt: Date;
}

/**
 * Maps how a chain of runs closed to its row. A result that the row cannot hold leaves COMPLETED with `result` null
 * and a sentence in `errorMessage`: the run did complete, and Temporal's history still has the value.
 */
export function outcomeOf(close: RunClose): Outcome {
  const row = { result: null, errorMessage: null, temporalRunId: close.runId, finishedAt: close.closedAt };
  switch (close.status) {
    case 'COMPLETED':
      return { ...row, status: 'COMPLETED', ...storedResult(close.result) };
    case 'FAILED':
      return { ...row, status: 'FAILED', errorMessage: failureSentence(close.failure) };
    case 'TIMED_OUT':
      return {
        ...row,
        status: 'TIMED_OUT',
        errorMessage: "The run did not finish within the workflow's timeoutSeconds.",
      };
    case 'CANCELED':
      return { ...row, status: 'CANCELLED' };
    case 'TERMINATED':
      return {
        ...row,
        status: 'FAILED',
        errorMessage: oneLine(`Terminated: ${close.reason || 'no reason given'}`),
      };
  }
}

function storedResult(result: unknown): Pick<Outcome, 'result' | 'errorMessage'> {
  const text = JSON.stringify(result ?? null);
  const bytes = Buffer.byteLength(text);
  if (bytes > RESULT_BYTES_MAX) {
    const errorMessage = `The run completed; its result is not kept: ${bytes} bytes exceed the limit of ${RESULT_BYTES_MAX}.`;
    return { result: null, errorMessage };
  }
  if (!scanJson(text).storable) {
    const errorMessage =
      'The run completed; its result is not kept: it holds the character U+0000 or half of a surrogate pair.';
    return { result: null, errorMessage };
  }
  return { result: result ?? null, errorMessage: null };
}
