import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backoffMs, delay } from './backoff.js';

describe('backoffMs', () => {
  it('doubles from 200 ms up to 10 s, with jitter of at most half', () => {
    fc.assert(
      fc.property(fc.nat(2_000), fc.double({ min: 0, max: 0.999, noNaN: true }), (retry, random) => {
        const ceiling = Math.min(10_000, 200 * 2 ** Math.min(retry, 16));
        const ms = backoffMs(retry, () => random);
        expect(ms).toBeGreaterThanOrEqual(ceiling / 2);
        expect(ms).toBeLessThanOrEqual(ceiling);
      }),
    );
  });
});

describe('delay', () => {
  it("rejects with the signal's reason, before or during the wait", async () => {
    const reason = new Error('enough');
    await expect(delay(60_000, AbortSignal.abort(reason))).rejects.toBe(reason);
    const controller = new AbortController();
    const waiting = delay(60_000, controller.signal);
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
  });
});
