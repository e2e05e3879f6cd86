import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compileRules, factOf, fromRecords, holds } from './predicates.js';
import { jsonRecords, predicates, records, rules, scalars } from './testing/arbitraries.js';
import { violatedRules } from './testing/oracle.js';

const facts = fc.record({
  order: jsonRecords,
  prior: jsonRecords,
  action: fc.constantFrom(undefined, 'save' as const),
});

test('compiled rules say what the naive oracle says (invariant 1)', () => {
  fc.assert(
    fc.property(rules, facts, (list, given) => {
      const issues: { ruleId: string }[] = [];
      compileRules(list, fromRecords)({ ...given, prior: given.prior ?? undefined }, issues as never);
      expect(issues.map(({ ruleId }) => ruleId)).toEqual(violatedRules(list, given));
    }),
    { numRuns: 10_000 },
  );
});

test('NaN is like nothing, and has no order', () => {
  for (const op of ['eq', 'gt', 'gte', 'lt', 'lte'] as const)
    expect(holds(Number.NaN, op, Number.NaN)).toBe(false);
  const issues: { ruleId: string }[] = [];
  const when = (op: 'in' | 'nin') => [{ fact: 'v', op, value: [1, null] }];
  const rule = { description: 'd', field: 'v', message: 'm' };
  const both = [
    { ...rule, id: 'in', when: when('in') },
    { ...rule, id: 'nin', when: when('nin') },
  ];
  compileRules(both, fromRecords)({ order: { v: Number.NaN } }, issues as never);
  expect(issues.map(({ ruleId }) => ruleId)).toEqual(['nin']);
});

test('ne and nin negate eq and in; an order is strict or not (invariant 2)', () => {
  fc.assert(
    fc.property(records, scalars, fc.array(scalars, { maxLength: 3 }), (fact, value, list) => {
      expect(holds(fact, 'ne', value)).toBe(!holds(fact, 'eq', value));
      expect(holds(fact, 'nin', list)).toBe(!holds(fact, 'in', list));
      expect(holds(fact, 'in', [value])).toBe(holds(fact, 'eq', value));
      if (holds(fact, 'gt', value)) expect(holds(fact, 'lte', value)).toBe(false);
      if (holds(fact, 'gt', value)) expect(holds(fact, 'gte', value)).toBe(true);
      if (holds(fact, 'lt', value)) expect(holds(value, 'gt', fact)).toBe(true);
      const isOrdered = holds(fact, 'lte', value) || holds(fact, 'gte', value);
      if (isOrdered) expect(holds(fact, 'gt', value)).toBe(!holds(fact, 'lte', value));
    }),
    { numRuns: 5_000 },
  );
});

test('a rule of more conditions is violated no more often', () => {
  fc.assert(
    fc.property(
      fc.array(predicates, { minLength: 1, maxLength: 3 }),
      predicates,
      facts,
      (when, further, given) => {
        const rule = { id: 'r', description: 'd', field: 'a', message: 'm' };
        const violated = (conditions: typeof when): boolean => {
          const issues: unknown[] = [];
          compileRules([{ ...rule, when: conditions }], fromRecords)(
            { ...given, prior: given.prior ?? undefined },
            issues as never,
          );
          return issues.length > 0;
        };
        if (violated([...when, further])) {
          expect(violated([...when, further].reverse())).toBe(true);
          expect(violated(when) || JSON.stringify(when).includes('prior.')).toBe(true);
        }
      },
    ),
    { numRuns: 5_000 },
  );
});

test.each([
  ['2026-01-31', '2026-02-01', true],
  ['2026-01-31T23:00:00Z', '2026-02-01', true],
  ['2026-02-01T00:30:00+02:00', '2026-02-01', true],
  ['2026-02-01T00:00:00.000Z', '2026-02-01', false],
  ['31.01.2026', '2026-02-01', false],
])('the date %s is before %s: %s', (fact, value, expected) => {
  expect(holds(fact, 'lt', value)).toBe(expected);
});

test('a day that there is not is a text, not a date', () => {
  expect(holds('2026-02-30', 'gt', '2026-03-01')).toBe(false);
  expect(holds('2026-02-30', 'lt', '2026-03-01')).toBe(true);
});

test.each([
  ['status', 'order', ['status']],
  ['order.status', 'order', ['status']],
  ['prior.status', 'prior', ['status']],
  ['prior', 'order', ['prior']],
  ['action', 'action', []],
  ['action.name', 'order', ['action', 'name']],
  ['party["tax id"]', 'order', ['party', 'tax id']],
])('the fact %s is read from %s', (text, root, segments) => {
  expect(factOf(text)).toEqual({ root, segments });
});

test('a transition is looked at only where there is a record before (invariant 3)', () => {
  const rule = {
    id: 'reopened',
    description: 'd',
    field: 'status',
    message: 'm',
    when: [
      { fact: 'prior.status', op: 'ne' as const, value: 'open' },
      { fact: 'status', op: 'eq' as const, value: 'open' },
    ],
  };
  const idsOf = (given: object): string[] => {
    const issues: { ruleId: string }[] = [];
    compileRules([rule], fromRecords)({ order: { status: 'open' }, ...given }, issues as never);
    return issues.map(({ ruleId }) => ruleId);
  };
  expect(idsOf({})).toEqual([]);
  expect(idsOf({ prior: { status: 'open' } })).toEqual([]);
  expect(idsOf({ prior: { status: 'shipped' } })).toEqual(['reopened']);
});
