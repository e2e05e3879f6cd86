import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LIMITS, MASKED, recordable, type Mutation } from './index.js';

const mutation = (args: Record<string, unknown>, wouldReturn: unknown = null): Mutation => ({
  method: 'sms.send',
  capability: 'SendSms',
  args,
  wouldReturn,
});
const bytes = (value: unknown): number => Buffer.byteLength(JSON.stringify(value) ?? '');

describe('recordable', () => {
  it('keeps what fits as it is', () => {
    const small = mutation({ to: '+3247', text: 'hi' }, { id: 'm1', status: 'SIMULATED' });
    expect(recordable(small)).toEqual(small);
  });

  it('masks what is named, however deep its value', () => {
    const { args } = recordable(mutation({ url: 'x', headers: { authorization: 'Bearer s3cret' } }), [
      'headers',
    ]);
    expect(args).toEqual({ url: 'x', headers: MASKED });
  });

  it('leaves the largest parts out first, and says how large they were', () => {
    const payload = 'x'.repeat(LIMITS.dryRunRecordBytes);
    const { args, wouldReturn } = recordable(mutation({ name: 'order.paid', payload }, payload));
    expect(args).toEqual({ name: 'order.paid', payload: { omittedBytes: payload.length + 2 } });
    expect(wouldReturn).toEqual({ omittedBytes: payload.length + 2 });
  });

  it('no record is larger than its limit, whatever the call', () => {
    const json = fc.jsonValue({ maxDepth: 3 });
    const record = fc.dictionary(
      fc.string({ maxLength: 600 }),
      fc.oneof(json, fc.string({ maxLength: 6_000 })),
    );
    fc.assert(
      fc.property(record, json, (args, answer) => {
        const kept = recordable(mutation(args, answer));
        expect(bytes(kept.args)).toBeLessThanOrEqual(LIMITS.dryRunRecordBytes);
        expect(bytes(kept.wouldReturn)).toBeLessThanOrEqual(LIMITS.dryRunRecordBytes);
      }),
      { numRuns: 200 },
    );
  });
});
