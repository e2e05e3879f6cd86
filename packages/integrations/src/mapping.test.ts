import { type MappingNode } from '@pegasus-workflows/contracts';
import { expect, test } from 'vitest';
import { compileMapping } from './mapping.js';

const order = {
  id: 'A-1',
  state: 'N',
  total: '12.50',
  note: null,
  party: { 'tax id': 'ATU1' },
  lines: [{ sku: 's1', qty: '2' }, { sku: 's2' }],
};

test.each<[string, MappingNode, unknown]>([
  ['a path', 'id', 'A-1'],
  ['a path in quotes', 'party["tax id"]', 'ATU1'],
  ['a place of a list', 'lines.1.sku', 's2'],
  ['a null', 'note', null],
  ['nothing', 'gone.deep', undefined],
  ['the first of several that has a value', { $from: ['gone', 'note', 'id'] }, 'A-1'],
  ['none of several', { $from: ['gone', 'note'] }, undefined],
  ['a default for nothing', { $from: 'gone', default: { any: ['json'] } }, { any: ['json'] }],
  ['a default for null', { $from: 'note', default: '-' }, '-'],
  ['a constant', { $from: [], default: 'shop' }, 'shop'],
  ['a table', { $from: 'state', $map: { N: 'open' } }, 'open'],
  ['a table that has a default', { $from: 'state', $map: { X: 'open' }, default: 'unknown' }, 'unknown'],
  ['a table before a coercion', { $from: 'state', $map: { N: '7' }, coerce: 'toNumber' }, 7],
  ['a number', { $from: 'total', coerce: 'toNumber' }, 12.5],
  ['no number', { $from: 'state', coerce: 'toNumberOrNull' }, null],
  ['a text of a number', { $from: 'lines.length', coerce: 'toString' }, '2'],
  ['nested objects without any value', { deep: { deeper: 'gone' } }, undefined],
  [
    'each element, with the whole record at hand',
    { $from: 'lines', $each: { sku: 'sku', quantity: { $from: 'qty', coerce: 'toNumber' }, order: '$.id' } },
    [
      { sku: 's1', quantity: 2, order: 'A-1' },
      { sku: 's2', order: 'A-1' },
    ],
  ],
])('%s', (_, node, expected) => {
  const { record, issues } = compileMapping({ field: node }).apply(order);
  expect(issues).toEqual([]);
  expect(record).toEqual(expected === undefined ? {} : { field: expected });
});

test.each<[MappingNode, string, string]>([
  [{ $from: 'state', $map: { X: 1 } }, 'mapping.unmapped', '"N" is none of the values that $map knows'],
  [{ $from: 'state', coerce: 'toNumber' }, 'mapping.number', 'must be a number, and is "N"'],
  [{ $from: 'party', coerce: 'toString' }, 'mapping.text', 'must be a text, and is an object'],
  [{ $from: 'state', $each: { a: 'a' } }, 'mapping.list', 'must be a list, and is "N"'],
])('a value that does not fit is left out and told: %j', (node, ruleId, message) => {
  expect(compileMapping({ field: node }).apply(order)).toEqual({
    record: {},
    issues: [{ ruleId, field: 'field', message, kind: 'structural', severity: 'error' }],
  });
});

test.each(['1e400', '0x10', ' 1', '1 ', '', 'NaN', 'Infinity', '1,5', '--1', '1_000'])(
  '%j is no number',
  (text) => {
    const mapping = compileMapping({ field: { $from: 'v', coerce: 'toNumberOrNull' } });
    expect(mapping.apply({ v: text }).record).toEqual({ field: null });
  },
);
