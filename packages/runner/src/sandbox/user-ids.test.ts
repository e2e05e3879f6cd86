import fc from 'fast-check';
import { expect, test } from 'vitest';
import { UserIds } from './user-ids.js';

test('no two live workers share one, and what is released is used again (invariant 1)', () => {
  const ids = new UserIds(4_711);
  const all = Array.from({ length: 1_024 }, () => ids.take());
  expect(new Set(all).size).toBe(1_024);
  expect(() => ids.take()).toThrow('no user id is left');
  ids.release(all[5]!);
  expect(ids.take()).toBe(all[5]);
});

test('two supervisors have ranges of their own, in what no distribution gives out (invariants 2 and 3)', () => {
  const pid = fc.integer({ min: 1, max: 0x3_ffff });
  fc.assert(
    fc.property(pid, pid, (one, other) => {
      const [a, b] = [new UserIds(one).take(), new UserIds(other).take()];
      expect(a).toBeGreaterThanOrEqual(0x7000_0000);
      expect(a).toBeLessThanOrEqual(0x7fff_ffff);
      if (one !== other) expect(Math.abs(a - b)).toBeGreaterThanOrEqual(1_024);
    }),
  );
});
