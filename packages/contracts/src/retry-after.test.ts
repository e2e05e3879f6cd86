import fc from 'fast-check';
import { expect, it } from 'vitest';
import { retryAfterMs } from './retry-after.js';

const NOW = Date.UTC(2026, 0, 1);

it('reads seconds', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1_000_000 }), (seconds) => {
      expect(retryAfterMs(String(seconds), NOW)).toBe(seconds * 1_000);
      expect(retryAfterMs(` ${seconds} `, NOW)).toBe(seconds * 1_000);
    }),
  );
  expect(retryAfterMs('1.5', NOW)).toBe(1_500);
});

it('reads an HTTP date, to the second, never below zero', () => {
  fc.assert(
    fc.property(fc.integer({ min: -1_000_000, max: 1_000_000 }), (seconds) => {
      const header = new Date(NOW + seconds * 1_000).toUTCString();
      expect(retryAfterMs(header, NOW)).toBe(Math.max(0, seconds * 1_000));
    }),
  );
});

it('takes anything else for absent, and never yields what cannot be waited for', () => {
  for (const text of [null, undefined, '', ' ', '-1', '1e3', 'soon', '2026-01-01', '0x10', 'Infinity'])
    expect(retryAfterMs(text, NOW)).toBeUndefined();
  expect(retryAfterMs('Sun, 99 Nov 2026 10:00:09 GMT', NOW)).toBeUndefined();
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.double().map(String), fc.date().map(String)), (text) => {
      const ms = retryAfterMs(text, NOW);
      expect(ms === undefined || (Number.isSafeInteger(ms) && ms >= 0)).toBe(true);
    }),
  );
});
