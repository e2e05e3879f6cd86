import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TokenBuckets } from './token-bucket.js';

describe('token buckets', () => {
  it('let through no more than the burst and the rate (invariant 1), whatever the clock does', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 40 }),
        fc.array(fc.integer({ min: -500, max: 3_000 }), { maxLength: 200 }),
        (perSecond, burst, steps) => {
          let now = 0;
          const buckets = new TokenBuckets({ perSecond, burst }, () => new Date(now));
          let forward = 0;
          let through = 0;
          for (const step of steps) {
            now += step;
            forward += Math.max(0, step);
            if (buckets.take('a') === 0) through++;
          }
          expect(through).toBeLessThanOrEqual(burst + (perSecond * forward) / 1_000 + 1e-6);
        },
      ),
    );
  });

  it('say when the next try succeeds, and keep callers apart (invariant 2)', () => {
    let now = 0;
    const buckets = new TokenBuckets({ perSecond: 0.5, burst: 2 }, () => new Date(now));
    expect([buckets.take('a'), buckets.take('a'), buckets.take('a'), buckets.take('b')]).toEqual([
      0, 0, 2, 0,
    ]);
    now += 2_000;
    expect([buckets.take('a'), buckets.take('a')]).toEqual([0, 2]);
  });
});
