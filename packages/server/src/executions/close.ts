import { LIMITS, type ExecutionStatus } from '@pegasus-workflows/contracts';
import { failureSentence, oneLine } from '../infra/failure-text.js';
import { scanJson } from '../infra/json-scan.js';
import { type RunClose } from '../infra/temporal.js';

/** Largest result a row keeps, in bytes of JSON: what an input may have at most. */
export const RESULT_BYTES_MAX = LIMITS.runInputBytes;

/** Deepest result a row keeps, far from where JSON's recursion ends in Node and in PostgreSQL. */
export const RESULT_DEPTH_MAX = 500;

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
  const notKept = (why: string) => ({
    result: null,
    errorMessage: `The run completed; its result is not kept: ${why}.`,
  });
  const tooDeep = `it is nested more than ${RESULT_DEPTH_MAX} levels deep`;
  const text = jsonOf(result ?? null);
  if (text === undefined) return notKept(tooDeep);
  const bytes = Buffer.byteLength(text);
  if (bytes > RESULT_BYTES_MAX) return notKept(`${bytes} bytes exceed the limit of ${RESULT_BYTES_MAX}`);
  const { depth, storable } = scanJson(text);
  if (depth > RESULT_DEPTH_MAX) return notKept(tooDeep);
  if (!storable) return notKept('it holds the character U+0000 or half of a surrogate pair');
  return { result: result ?? null, errorMessage: null };
}

/** `undefined` when it is nested too deep for `JSON.stringify`, which recurses. */
function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
