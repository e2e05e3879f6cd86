import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backoffMs, delay, parseRetryAfter } from './backoff.js';

describe('parseRetryAfter', () => {
  it('reads whole seconds', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1_000_000 }), (seconds) => {
        expect(parseRetryAfter(String(seconds))).toBe(seconds * 1000);
        expect(parseRetryAfter(` ${seconds} `)).toBe(seconds * 1000);
      }),
    );
  });

  it('reads an HTTP date, to the second, never below zero', () => {
    const now = Date.UTC(2026, 0, 1);
    fc.assert(
      fc.property(fc.integer({ min: -1_000_000, max: 1_000_000 }), (seconds) => {
        const header = new Date(now + seconds * 1000).toUTCString();
        expect(parseRetryAfter(header, now)).toBe(Math.max(0, seconds * 1000));
      }),
    );
  });

  it('takes anything else for absent, and never yields what cannot be waited for', () => {
    for (const text of [null, '', ' ', '-1', '1.5', '1e3', 'soon', '2026-01-01', '0x10', 'Infinity'])
      expect(parseRetryAfter(text)).toBeUndefined();
    fc.assert(
      fc.property(fc.string(), (text) => {
        const ms = parseRetryAfter(text);
        expect(ms === undefined || (Number.isFinite(ms) && ms >= 0)).toBe(true);
      }),
    );
  });
});

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
