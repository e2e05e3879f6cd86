import { ApplicationFailure } from '@temporalio/common';
import fc from 'fast-check';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { eventInput, manualInput, scheduleInput, testInput } from '../testing/inputs.js';
import type { EventInput, ManualInput, ScheduleInput } from './index.js';
import { inputKind, matchInput } from './match-input.js';

const record = fc.dictionary(fc.string(), fc.jsonValue());
const KINDS = {
  manual: (input: ManualInput) => ['manual', input] as const,
  event: (input: EventInput) => ['event', input] as const,
  schedule: (input: ScheduleInput) => ['schedule', input] as const,
  test: (text: string) => ['test', text] as const,
};

function failureOf(action: () => unknown): ApplicationFailure {
  try {
    action();
  } catch (error) {
    if (error instanceof ApplicationFailure) return error;
    throw error;
  }
  throw new Error('expected a failure');
}

describe('the four input shapes', () => {
  it('are told apart, and handed over as they are', () => {
    fc.assert(
      fc.property(record, fc.uuid(), fc.string(), (input, executionId, text) => {
        const manual = manualInput(input, executionId);
        expect(matchInput(manual, KINDS)).toEqual(['manual', manual]);
        const event = eventInput(text, input);
        expect(matchInput(event, KINDS)).toEqual(['event', event]);
        const schedule = scheduleInput(text, { executionId });
        expect(matchInput(schedule, KINDS)).toEqual(['schedule', schedule]);
        expect(matchInput(testInput(text), KINDS)).toEqual(['test', text]);
      }),
    );
    expect(matchInput({ executionId: 'e' }, KINDS)).toEqual(['manual', { executionId: 'e', input: null }]);
    expect(inputKind(manualInput())).toBe('manual');
  });

  it("take a manual run with all of a schedule's fields for a schedule, and with any of them missing for manual", () => {
    const { input } = scheduleInput('0 9 * * 1');
    expect(inputKind({ executionId: 'e', input: { ...input, more: 1 } })).toBe('schedule');
    for (const key of Object.keys(input))
      expect(inputKind({ executionId: 'e', input: { ...input, [key]: undefined } })).toBe('manual');
    expect(inputKind({ executionId: 'e', input: { ...input, triggerId: 'mine' } })).toBe('manual');
  });

  it('are all there is: anything else fails for good, showing keys and no value', () => {
    fc.assert(
      fc.property(fc.anything(), (argument) => {
        try {
          expect(['manual', 'event', 'schedule', 'test']).toContain(inputKind(argument));
        } catch (error) {
          expect(error).toBeInstanceOf(ApplicationFailure);
          expect(error).toMatchObject({ type: 'UnknownInputShape', nonRetryable: true });
        }
      }),
    );
    const failure = failureOf(() => inputKind({ customer: 'Ada Lovelace', total: 4711 }));
    expect(failure.message).toContain('the keys customer, total;');
    expect(failure.message).not.toMatch(/Ada|4711/);
    expect(failureOf(() => inputKind({ executionId: 'e', input: [1] })).type).toBe('UnknownInputShape');
  });

  it('fail by name when the workflow does not take them', () => {
    const failure = failureOf(() => matchInput('text', { manual: () => 1, event: () => 2 }));
    expect(failure).toMatchObject({ type: 'UnsupportedInput', nonRetryable: true });
    expect(failure.message).toBe('This workflow takes no test input; it handles: manual, event.');
  });

  it('are typed, and so is what the handlers return', () => {
    const result = matchInput(manualInput() as unknown, {
      manual: (input) => {
        expectTypeOf(input).toEqualTypeOf<ManualInput>();
        return 1;
      },
      test: (text) => {
        expectTypeOf(text).toEqualTypeOf<string>();
        return 'two';
      },
    });
    expectTypeOf(result).toEqualTypeOf<number | string>();
    expect(result).toBe(1);
  });
});
