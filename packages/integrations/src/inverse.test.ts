import { type MappingNode, type MappingObject } from '@pegasus-workflows/contracts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { invertMapping } from './inverse.js';
import { compileMapping } from './mapping.js';

interface Pair {
  mapping: MappingObject;
  record: Record<string, unknown>;
}

const TABLE = { O: 'open', C: 'closed', '9': 'ninth' };
const leafValues = fc.oneof(
  fc.constant(null),
  fc.integer(),
  fc.string(),
  fc.boolean(),
  fc.array(fc.integer(), { maxLength: 2 }),
);

/**
 * A mapping without losses, with a record that it covers: each place of the record is named once, under a name of its own
 * in the canonical record, which may lie elsewhere.
 */
const pairs: fc.Arbitrary<Pair> = fc
  .tuple(
    fc.uniqueArray(fc.tuple(fc.constantFrom('a', 'b', 'c d', 'e'), fc.constantFrom('x', 'y', 'z.z')), {
      maxLength: 6,
      selector: (pair) => pair.join('/'),
    }),
    fc.infiniteStream(
      fc.record({
        nest: fc.boolean(),
        kind: fc.constantFrom('plain', 'table', 'list'),
        value: leafValues,
        code: fc.constantFrom('O', 'C', '9'),
        list: fc.array(leafValues, { maxLength: 3 }),
      }),
    ),
  )
  .map(([places, choices]) => {
    const mapping: Record<string, MappingNode> = {};
    const record: Record<string, Record<string, unknown>> = {};
    places.forEach(([outer, inner], at) => {
      const { nest, kind, value, code, list } = choices.next().value;
      const path = `[${JSON.stringify(outer)}][${JSON.stringify(inner)}]`;
      const node: MappingNode =
        kind === 'table'
          ? { $from: path, $map: TABLE }
          : kind === 'list'
            ? { $from: path, $each: { v: 'w' } }
            : path;
      (record[outer] ??= {})[inner] =
        kind === 'table' ? code : kind === 'list' ? list.map((w: unknown) => ({ w })) : value;
      mapping[`field${at}`] = nest ? { deeper: { still: node } } : node;
    });
    return { mapping, record };
  });

test('a record that is mapped and mapped back is the record', () => {
  fc.assert(
    fc.property(pairs, ({ mapping, record }) => {
      const inverse = invertMapping(mapping);
      expect(inverse.losses).toEqual([]);
      const there = compileMapping(mapping).apply(record);
      expect(there.issues).toEqual([]);
      const back = compileMapping(inverse.mapping).apply(there.record);
      expect(back).toEqual({ record, issues: [] });
    }),
    { numRuns: 5_000 },
  );
});

test('the inverse of the inverse is the mapping again, in what it does', () => {
  fc.assert(
    fc.property(pairs, ({ mapping, record }) => {
      const again = invertMapping(invertMapping(mapping).mapping).mapping;
      expect(compileMapping(again).apply(record)).toEqual(compileMapping(mapping).apply(record));
    }),
    { numRuns: 1_000 },
  );
});

test('what does not come back is said, with the place and the reason', () => {
  const { mapping, losses } = invertMapping({
    source: { $from: [], default: 'shop' },
    id: { $from: ['orderId', 'id'] },
    total: { $from: 'total', coerce: 'toNumber' },
    state: { $from: 'state', $map: { a: 'open', b: 'open' } },
    first: 'lines.0.sku',
    lines: { $from: 'lines', $each: { sku: 'sku', currency: '$.currency' } },
    whole: 'party',
    name: 'party.name',
  });
  expect(mapping).toEqual({
    orderId: 'id',
    total: { $from: 'total', coerce: 'toString' },
    state: { $from: 'state', $map: { open: 'a' } },
    lines: { $from: 'lines', $each: { sku: 'sku' } },
    party: 'whole',
  });
  expect(losses).toEqual([
    { pointer: '/source', reason: 'a constant has no place to go back to' },
    { pointer: '/id', reason: 'one of several paths: goes back to the first' },
    { pointer: '/total', reason: 'a number comes back as a text, in its shortest form' },
    { pointer: '/state', reason: 'several values become the same one: the first comes back' },
    { pointer: '/first', reason: 'a single place of a list cannot be written' },
    {
      pointer: '/lines/$each/currency',
      reason: 'a path from the whole record cannot be written from inside a list',
    },
    {
      pointer: '/name',
      reason: '"party.name" is inside another path, or around one, that goes back already',
    },
  ]);
});
