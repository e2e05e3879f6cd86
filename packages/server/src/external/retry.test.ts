import { describe, expect, it } from 'vitest';
import { backoffMs, isPassing, mayRepeat } from './retry.js';

describe('repeating (caller invariant 2)', () => {
  it('is for idempotent methods, and for any with a key', () => {
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])
      expect(mayRepeat(method, undefined)).toBe(true);
    for (const method of ['POST', 'PATCH']) {
      expect(mayRepeat(method, undefined)).toBe(false);
      expect(mayRepeat(method, 'k')).toBe(true);
    }
    expect([400, 401, 404, 409, 501].some(isPassing)).toBe(false);
    expect([408, 429, 500, 503].every(isPassing)).toBe(true);
  });

  it('waits longer each time, never beyond ten seconds', () => {
    expect([1, 2, 3, 4, 5, 6].map((n) => backoffMs(n, () => 1))).toEqual([
      500, 1_000, 2_000, 4_000, 8_000, 10_000,
    ]);
    expect(backoffMs(3, () => 0)).toBe(1_000);
  });
});
