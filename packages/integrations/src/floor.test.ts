import { floorSchema, type Floor } from '@pegasus-workflows/contracts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compileFloor, extendFloor, NO_FLOOR } from './floor.js';
import { floors, jsonRecords } from './testing/arbitraries.js';
import { compileReader } from './values.js';

function issuesOf(floor: Pick<Floor, 'fields'>, record: unknown): string[] {
  const issues: { ruleId: string; field: string; message: string }[] = [];
  compileFloor({ fields: new Map(Object.entries(floor.fields)) }, compileReader)(record, issues as never);
  return issues.map(({ ruleId, field, message }) => `${ruleId} ${field}: ${message}`);
}

test('what keeps a floor keeps the one that it extends (invariant 1)', () => {
  let kept = 0;
  fc.assert(
    fc.property(floors, floors, jsonRecords, (below, above, record) => {
      const base = extendFloor(NO_FLOOR, below).whole;
      const { whole } = extendFloor(base, above);
      const passes = (floor: typeof whole): boolean => {
        const issues: unknown[] = [];
        compileFloor(floor, compileReader)(record, issues as never);
        return issues.length === 0;
      };
      if (!passes(whole)) return;
      kept += 1;
      expect(passes(base)).toBe(true);
    }),
    { numRuns: 10_000 },
  );
  expect(kept).toBeGreaterThan(1_000);
});

const fields = {
  number: { type: 'string', required: true },
  placedAt: { type: 'date-time' },
  state: { enum: ['open', 'closed'] },
  lines: { type: 'list', required: true },
  'lines.*.sku': { type: 'string', required: true },
  'lines.*.quantity': { type: 'integer' },
} as const;

test.each<[string, unknown, string[]]>([
  ['nothing missing', { number: '1', lines: [{ sku: 's', quantity: 1 }] }, []],
  ['everything missing', {}, ['floor.required number: is required', 'floor.required lines: is required']],
  ['no object at all', 'text', ['floor.required number: is required', 'floor.required lines: is required']],
  ['another type', { number: 1, lines: [] }, ['floor.type number: must be a text, and is 1']],
  [
    'a list that is none',
    { number: '1', lines: { sku: 1 } },
    ['floor.type lines: must be a list, and is an object'],
  ],
  [
    'elements, each by itself',
    { number: '1', lines: [{ sku: 's' }, {}, { sku: 's', quantity: 1.5 }] },
    [
      'floor.required lines.1.sku: is required',
      'floor.type lines.2.quantity: must be a whole number, and is 1.5',
    ],
  ],
  [
    'a value that is not known',
    { number: '1', lines: [], state: 'x' },
    ['floor.enum state: must be one of "open", "closed", and is "x"'],
  ],
  [
    'a date of another form',
    { number: '1', lines: [], placedAt: '31.01.2026' },
    ['floor.type placedAt: must be a date and time such as 2026-01-31T12:00:00Z, and is "31.01.2026"'],
  ],
  ['a null where nothing is required', { number: '1', lines: [], placedAt: null }, []],
])('a record with %s', (_, record, expected) => {
  expect(issuesOf({ fields: { ...fields } as unknown as Floor['fields'] }, record)).toEqual(expected);
});

test('what is required within an object that nothing is said of is looked for', () => {
  const deep = { 'buyer.id': { required: true }, 'lines.*.item.sku': { required: true } };
  expect(issuesOf({ fields: deep }, { lines: [{ item: { sku: 's' } }, {}, null] })).toEqual([
    'floor.required buyer.id: is required',
    'floor.required lines.1.item.sku: is required',
    'floor.required lines.2.item.sku: is required',
  ]);
});

test.each<[string, object, string, string]>([
  [
    'another type',
    { number: { type: 'number' } },
    '/fields/number/type',
    'must be string, or a special case of it, as in the floor that this one extends',
  ],
  [
    'what is required made optional',
    { number: { required: false } },
    '/fields/number/required',
    'must be true, as in the floor that this one extends',
  ],
  [
    'what is required made null',
    { number: { nullable: true } },
    '/fields/number/nullable',
    'must be false, as in the floor that this one extends',
  ],
  [
    'more values',
    { state: { enum: ['open', 'lost'] } },
    '/fields/state/enum',
    'must leave out "lost", which the floor that this one extends has not',
  ],
])('%s would weaken it', (_, own, pointer, problem) => {
  const base = extendFloor(NO_FLOOR, floorSchema.parse({ fields })).whole;
  const { whole, problems } = extendFloor(base, floorSchema.parse({ fields: own }));
  expect(problems).toEqual([{ pointer, problem }]);
  expect(whole.fields.get(Object.keys(own)[0]!)).toEqual(base.fields.get(Object.keys(own)[0]!));
});

test('a special case of a type, fewer values and more fields strengthen it', () => {
  const base = extendFloor(NO_FLOOR, floorSchema.parse({ fields })).whole;
  const { whole, problems } = extendFloor(
    base,
    floorSchema.parse({
      fields: { number: { type: 'date' }, state: { enum: ['open'] }, more: { type: 'boolean' } },
    }),
  );
  expect(problems).toEqual([]);
  expect(whole.fields.get('number')).toEqual({ type: 'date', required: true });
  expect(whole.fields.get('state')).toEqual({ enum: ['open'] });
});
