import fc from 'fast-check';
import { expect, test } from 'vitest';
import { backoffMs } from './backoff.js';

test('starts at the base, never falls, and stays at the maximum', () => {
  const policy = { baseMs: 100, maxMs: 10_000 };
  expect([0, 1, 2, 3, 8, 9, 1000].map((n) => backoffMs(n, policy))).toEqual([
    0, 100, 200, 400, 10_000, 10_000, 10_000,
  ]);
  fc.assert(
    fc.property(fc.nat(5000), (n) => {
      expect(backoffMs(n + 1, policy)).toBeGreaterThanOrEqual(backoffMs(n, policy));
      expect(backoffMs(n, policy)).toBeLessThanOrEqual(policy.maxMs);
    }),
  );
});
