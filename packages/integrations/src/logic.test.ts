import { type Field, type Predicate } from '@pegasus-workflows/contracts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { contradictionIn } from './logic.js';
import { holds } from './predicates.js';

const texts = ['', 'open', 'closed', 'x', '2026-01-31', '2026-02-01'];
const numbers = [-2, -1, 0, 0.5, 1, 1.5, 2, 3];
const constants = fc.constantFrom<string | number>(...texts, ...numbers);
const onStatus: fc.Arbitrary<Predicate> = fc
  .record({
    op: fc.constantFrom('eq', 'ne', 'gt', 'gte', 'lt', 'lte', 'in', 'nin' as const),
    one: constants,
    many: fc.array(constants, { maxLength: 3 }),
  })
  .map(({ op, one, many }) => ({ fact: 'status', op, value: op === 'in' || op === 'nin' ? many : one }));

/** What the predicates ask about, what lies between, and null: enough to find a witness wherever there is one. */
const CANDIDATES = [
  null,
  true,
  false,
  ...texts,
  ...texts.map((text) => `${text}!`),
  ...numbers,
  ...numbers.map((n) => n + 0.25),
  -99,
  99,
  '￿',
];

function witness(when: readonly Predicate[], candidates: readonly unknown[]): unknown {
  return candidates.find((value) => when.every(({ op, value: wanted }) => holds(value, op, wanted)));
}

test('what is called impossible is, and what has no witness is called so', () => {
  fc.assert(
    fc.property(fc.array(onStatus, { minLength: 1, maxLength: 4 }), (when) => {
      expect(contradictionIn(when) === undefined).toBe(witness(when, CANDIDATES) !== undefined);
    }),
    { numRuns: 10_000 },
  );
});

test('so it is with what the floor says of the field', () => {
  const fields: [Field, unknown[]][] = [
    [{ type: 'integer' }, [null, -99, -2, -1, 0, 1, 2, 3, 4, 99]],
    [{ type: 'boolean' }, [null, true, false]],
    [{ enum: ['open', 'closed', 1] }, [null, 'open', 'closed', 1]],
    [{ type: 'string', enum: ['open', 'closed'] }, [null, 'open', 'closed']],
  ];
  fc.assert(
    fc.property(
      fc.constantFrom(...fields),
      fc.array(onStatus, { minLength: 1, maxLength: 4 }),
      ([field, all], when) => {
        expect(contradictionIn(when, new Map([['status', field]])) === undefined).toBe(
          witness(when, all) !== undefined,
        );
      },
    ),
    { numRuns: 10_000 },
  );
});

const on = (fact: string, op: Predicate['op'], value: Predicate['value']): Predicate => ({ fact, op, value });

test.each<[string, Predicate[], string]>([
  [
    'two values at once',
    [on('status', 'eq', 'a'), on('order.status', 'eq', 'b')],
    '"status" is never eq "a" and eq "b"',
  ],
  ['an empty range', [on('total', 'gt', 5), on('total', 'lt', 3)], '"total" is never gt 5 and lt 3'],
  [
    'a point that is left out',
    [on('total', 'gte', 5), on('total', 'lte', 5), on('total', 'ne', 5)],
    '"total" is never gte 5 and lte 5 and ne 5',
  ],
  [
    'a number and a text',
    [on('total', 'gt', 5), on('total', 'lt', 'x')],
    '"total" is never gt 5 and lt "x": it would have to be a number and a text at once',
  ],
  ['nothing to be in', [on('status', 'in', [])], '"status" is never in []'],
  [
    'an action that there is not',
    [on('action', 'eq', 'delete')],
    '"action" is never eq "delete": it is one of "save", "cancel", "status-change"',
  ],
  ['itself', [on('status', 'ne', { $fact: 'order.status' })], '"status" is compared with itself'],
  ['one element of a list', [on('lines.*.sku', 'in', [])], '"lines.*.sku" is never in []'],
])('%s is told', (_, when, sentence) => {
  expect(contradictionIn(when)).toBe(sentence);
});

test('different elements of a list may be different', () => {
  expect(contradictionIn([on('lines.*.sku', 'eq', 'a'), on('lines.*.sku', 'eq', 'b')])).toBeUndefined();
});
