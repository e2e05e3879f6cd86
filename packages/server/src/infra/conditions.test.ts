import fc from 'fast-check';
import { expect, it } from 'vitest';
import { etagOf, holds, parseCondition } from './conditions.js';

const conditionOf = (headers: Record<string, string>) => parseCondition((name) => headers[name]);
const version = fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined });
const tag = fc.record({ n: fc.integer({ min: 1, max: 5 }), weak: fc.boolean() });
const header = fc.oneof(fc.constant('*'), fc.array(tag, { minLength: 1, maxLength: 4 }));
const textOf = (given: '*' | { n: number; weak: boolean }[]) =>
  given === '*' ? '*' : given.map(({ n, weak }) => `${weak ? 'W/' : ''}${etagOf(n)}`).join(' , ');

it('a change goes on exactly when its tags say so', () => {
  fc.assert(
    fc.property(header, version, (given, present) => {
      const named = given === '*' || given.some(({ n, weak }) => n === present && !weak);
      expect(holds(conditionOf({ 'if-match': textOf(given) }), present)).toBe(present !== undefined && named);
      const listed = given === '*' || given.some(({ n }) => n === present);
      expect(holds(conditionOf({ 'if-none-match': textOf(given) }), present)).toBe(
        !(present !== undefined && listed),
      );
    }),
  );
});

it('without a condition everything goes on', () => {
  expect([holds(conditionOf({}), undefined), holds(conditionOf({}), 3)]).toEqual([true, true]);
});

it("a stranger's tag matches nothing; what is no tag is refused, naming the header", () => {
  expect(holds(conditionOf({ 'if-match': '"abc-1"' }), 1)).toBe(false);
  for (const text of ['1', '', '"1', '"1" "2"', '*, "1"'])
    expect(() => conditionOf({ 'if-match': text })).toThrow(/^If-Match: must be \* or a version/);
});
