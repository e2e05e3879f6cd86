import fc from 'fast-check';
import { expect, test } from 'vitest';
import { KeyedCount } from './keyed-count.js';

test('counts what has begun and not ended, of each key, and forgets a key with its last', () => {
  const step = fc.record({ key: fc.constantFrom('a', 'b'), begins: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const count = new KeyedCount();
      const expected = new Map<string, number>();
      for (const { key, begins } of steps) {
        if (begins) count.begin(key);
        else count.end(key);
        expected.set(key, Math.max(0, (expected.get(key) ?? 0) + (begins ? 1 : -1)));
      }
      for (const key of ['a', 'b']) expect(count.of(key)).toBe(expected.get(key) ?? 0);
      expect(count.keys.toSorted()).toEqual(['a', 'b'].filter((key) => (expected.get(key) ?? 0) > 0));
    }),
  );
});
