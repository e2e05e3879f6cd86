import { describe, expect, it } from 'vitest';
import { type RunClose } from '../infra/temporal.js';
import { outcomeOf, RESULT_BYTES_MAX, RESULT_DEPTH_MAX } from './close.js';

const at = { runId: 'run-1', closedAt: new Date('2030-01-01T00:00:00Z') };
const row = { temporalRunId: at.runId, finishedAt: at.closedAt, result: null, errorMessage: null };
const completed = (result: unknown) => outcomeOf({ ...at, status: 'COMPLETED', result });
const nested = (levels: number): unknown => JSON.parse(`${'['.repeat(levels)}${']'.repeat(levels)}`);

describe('a close', () => {
  it.each<[RunClose, object]>([
    [
      { ...at, status: 'COMPLETED', result: { a: [1] } },
      { ...row, status: 'COMPLETED', result: { a: [1] } },
    ],
    [
      {
        ...at,
        status: 'FAILED',
        failure: { kind: 'application', message: 'no stock', type: 'OrderError', stackTrace: '' },
      },
      { ...row, status: 'FAILED', errorMessage: 'OrderError: no stock' },
    ],
    [
      { ...at, status: 'TIMED_OUT' },
      {
        ...row,
        status: 'TIMED_OUT',
        errorMessage: "The run did not finish within the workflow's timeoutSeconds.",
      },
    ],
    [
      { ...at, status: 'CANCELED' },
      { ...row, status: 'CANCELLED' },
    ],
    [
      { ...at, status: 'TERMINATED', reason: 'by\nhand\u0000' },
      { ...row, status: 'FAILED', errorMessage: 'Terminated: by hand' },
    ],
    [
      { ...at, status: 'TERMINATED', reason: '' },
      { ...row, status: 'FAILED', errorMessage: 'Terminated: no reason given' },
    ],
  ])('%j', (close, outcome) => expect(outcomeOf(close)).toEqual(outcome));

  it.each([['\u0000'], ['\ud800']])('keeps no character in a message that cannot be stored: %j', (odd) => {
    const failure = { kind: 'application', message: `a${odd}b`, stackTrace: odd } as const;
    const { errorMessage } = outcomeOf({ ...at, status: 'FAILED', failure });
    expect(errorMessage).toMatch(/^a.b$/u);
    expect(errorMessage).not.toContain(odd);
  });
});

describe('a result', () => {
  it.each([[null], [0], [''], [false], [[]], [{ constructor: 1 }], ['"\\u0000"']])('%j is kept', (result) =>
    expect(completed(result)).toEqual({ ...row, status: 'COMPLETED', result }),
  );

  it('that is undefined is null', () => expect(completed(undefined).result).toBeNull());

  it('is kept up to the limit in bytes of JSON, and not one beyond', () => {
    const largest = 'é'.repeat((RESULT_BYTES_MAX - 2) / 2);
    expect(completed(largest)).toMatchObject({ result: largest, errorMessage: null });
    expect(completed(`${largest}x`)).toEqual({
      ...row,
      status: 'COMPLETED',
      errorMessage: `The run completed; its result is not kept: ${RESULT_BYTES_MAX + 1} bytes exceed the limit of ${RESULT_BYTES_MAX}.`,
    });
  });

  it('is kept up to the limit in depth; beyond, even where JSON itself gives up, the row still closes', () => {
    expect(completed(nested(RESULT_DEPTH_MAX)).errorMessage).toBeNull();
    for (const levels of [RESULT_DEPTH_MAX + 1, 100_000]) {
      expect(completed(nested(levels))).toEqual({
        ...row,
        status: 'COMPLETED',
        errorMessage: expect.stringContaining(`more than ${RESULT_DEPTH_MAX} levels deep`),
      });
    }
  });

  it.each([['a\u0000'], [{ '\u0000': 1 }], ['\udc00']])('%j is not kept', (result) =>
    expect(completed(result)).toEqual({
      ...row,
      status: 'COMPLETED',
      errorMessage: expect.stringContaining('U+0000'),
    }),
  );
});
