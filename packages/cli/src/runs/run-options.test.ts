import { runRequestSchema } from '@pegasus-workflows/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readStartOptions } from './run-options.js';

describe('when a run starts', () => {
  it('is read into what the API takes', () => {
    const options = {
      delay: '2h',
      priority: '1',
      concurrencyKey: 'a',
      concurrencyLimit: '3',
      idempotencyKey: 'k',
    };
    const request = {
      delay: 7_200,
      priority: 1,
      concurrencyKey: 'a',
      concurrencyLimit: 3,
      idempotencyKey: 'k',
    };
    expect(readStartOptions(options)).toEqual(request);
    expect(readStartOptions({ delay: '2026-01-31' })).toEqual({ delay: '2026-01-31T00:00:00.000Z' });
    expect(readStartOptions({ debounce: 'k', debounceFor: '90s' })).toEqual({
      debounce: { key: 'k', seconds: 90 },
    });
    expect(readStartOptions({})).toEqual({});
  });

  it('is refused in one sentence, or is something that the API takes', () => {
    const text = fc.option(
      fc.oneof(fc.constantFrom('1s', '3d', '9999w', '0s', '5', 'x', '2026-01-31'), fc.nat().map(String)),
      {
        nil: undefined,
      },
    );
    const options = fc.record({ delay: text, priority: text, concurrencyLimit: text, debounceFor: text });
    fc.assert(
      fc.property(options, fc.boolean(), (given, hasKeys) => {
        const typed = Object.fromEntries(
          Object.entries({ ...given, ...(hasKeys ? { concurrencyKey: 'k', debounce: 'd' } : {}) }).filter(
            ([, value]) => value !== undefined,
          ),
        );
        try {
          expect(runRequestSchema.safeParse(readStartOptions(typed)).success).toBe(true);
        } catch (error) {
          expect(error).toMatchObject({
            code: 'VALIDATION_ERROR',
            message: expect.stringMatching(/^--.*\.$/),
          });
        }
      }),
    );
  });
});
