import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compileIntegration } from './integration.js';
import { explain } from './explain.js';
import { floors, mappings, records, rules } from './testing/arbitraries.js';
import { extendFloor, NO_FLOOR } from './floor.js';

/** A frozen value cannot be changed without an exception, and code in strict mode gets one. */
function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(frozen);
  }
  return value;
}

const actions = fc.constantFrom(undefined, 'save' as const, 'cancel' as const);

test('100 000 pairs of a configuration and a record: never an exception, never a change', () => {
  const PER_CONFIGURATION = 100;
  let pairs = 0;
  const [configurations, inputs] = [
    fc.sample(fc.record({ mapping: mappings, rules, floor: floors }), { numRuns: 1_000, seed: 7 }),
    fc
      .sample(fc.record({ order: records, prior: records, action: actions }), { numRuns: 5_000, seed: 8 })
      .map(frozen),
  ];
  configurations.forEach(({ mapping, rules: list, floor }, at) => {
    const integration = compileIntegration({
      mapping: frozen(mapping),
      rules: frozen(list),
      floor: extendFloor(NO_FLOOR, frozen(floor)).whole,
    });
    for (let turn = 0; turn < PER_CONFIGURATION; turn += 1) {
      const input = inputs[(at * 37 + turn) % inputs.length]!;
      const { canonical, valid, issues } = integration.mapFrom(input);
      // Invariant 4, issue by issue.
      const verdict = integration.validate(input);
      if (JSON.stringify(verdict) !== JSON.stringify({ valid, issues }))
        expect(verdict).toEqual({ valid, issues });
      const back = integration.mapTo(canonical, input.action);
      integration.mapTo(input.order);
      if (turn === 0) explain(integration, input);
      if (valid !== !issues.some(({ severity }) => severity === 'error'))
        throw new Error('valid disagrees with issues');
      if (typeof back.external !== 'object') throw new Error('no record');
      pairs += 1;
    }
  });
  expect(pairs).toBe(100_000);
});

test.each([
  ['a megabyte of lists', () => JSON.parse('['.repeat(500_000) + ']'.repeat(500_000))],
  ['a megabyte of objects', () => JSON.parse('{"a":'.repeat(200_000) + '1' + '}'.repeat(200_000))],
  ['more values than a record may have', () => Array.from({ length: 200_001 }, () => 0)],
  [
    'an object that holds itself',
    () => {
      const self: Record<string, unknown> = {};
      self['a'] = self;
      return self;
    },
  ],
])('%s is one issue', (_, make) => {
  const integration = compileIntegration({ mapping: { a: 'a' }, rules: [], floor: NO_FLOOR });
  const record: unknown = make();
  for (const verdict of [
    integration.mapFrom({ order: record }),
    integration.mapFrom({ order: {}, prior: record }),
    integration.mapTo(record),
  ]) {
    expect(verdict).toMatchObject({ valid: false, issues: [{ ruleId: 'limit.record', kind: 'structural' }] });
  }
});

test('lists in lists in lists end at the steps that a record may take', () => {
  const deep = (levels: number): Record<string, never> | object =>
    levels === 0 ? { v: '$.v' } : { list: { $from: '$.list', $each: deep(levels - 1) } };
  const integration = compileIntegration({ mapping: deep(5) as never, rules: [], floor: NO_FLOOR });
  const { issues } = integration.mapFrom({ order: { v: 1, list: Array.from({ length: 100 }, () => ({})) } });
  expect(issues).toEqual([expect.objectContaining({ ruleId: 'limit.steps' })]);
});

test('a record of nothing but wrong fields is told a thousand issues, and no more', () => {
  const integration = compileIntegration({
    mapping: { lines: { $from: 'lines', $each: { quantity: { $from: 'q', coerce: 'toNumber' } } } },
    rules: [],
    floor: NO_FLOOR,
  });
  const { issues } = integration.mapFrom({
    order: { lines: Array.from({ length: 5_000 }, () => ({ q: 'x' })) },
  });
  expect(issues).toHaveLength(1_000);
  expect(issues[7]).toMatchObject({ field: 'lines.7.quantity', ruleId: 'mapping.number' });
});

test('keys of the prototype are fields like any other, and none is reached by inheritance', () => {
  const order = JSON.parse('{"__proto__": {"polluted": true}, "constructor": "c"}') as object;
  const integration = compileIntegration({
    mapping: {
      constructor: 'constructor',
      polluted: 'polluted',
      text: 'toString',
      hidden: 'a.constructor.name',
    } as never,
    rules: [],
    floor: NO_FLOOR,
  });
  const { canonical } = integration.mapFrom({ order });
  expect(canonical).toEqual({ constructor: 'c' });
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
});
