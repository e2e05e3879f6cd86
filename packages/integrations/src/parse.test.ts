import { expect, test } from 'vitest';
import { parseConfig, type RawConfig } from './parse.js';

const rule = {
  id: 'r1',
  description: 'd',
  field: 'a',
  message: 'm',
  when: [{ fact: 'a', op: 'eq', value: 1 }],
};
const example = { name: 'one', input: { order: {} }, expected: { valid: true, ruleIds: [] } };
const good: RawConfig = { mapping: { a: 'a' }, rules: [rule], corpus: [example] };
const withWhen = (predicate: object): RawConfig => ({ ...good, rules: [{ ...rule, when: [predicate] }] });
const parsed = (text: string): unknown => JSON.parse(text);

function told(raw: RawConfig): string[] {
  return parseConfig(raw).problems.map(({ where, problem }) => `${where} ${problem}`);
}

test('a configuration without anything wrong has no problem', () => {
  expect(told(good)).toEqual([]);
  expect(parseConfig(good).config).toMatchObject({ mapping: { a: 'a' }, rules: [rule] });
});

const PATH = 'must be a path such as customer.name, lines.0.sku or party["tax id"]';

test.each<[string, unknown, string[]]>([
  ['nothing', undefined, ['/mapping is required']],
  ['a list', [], ['/mapping must be an object in the shape of the record that is made']],
  [
    'a number at a leaf',
    { a: { b: 1 } },
    ['/mapping/a/b must be a path, a directive with $from, or an object of those'],
  ],
  [
    'null at a leaf',
    { a: null },
    ['/mapping/a must be a path, a directive with $from, or an object of those'],
  ],
  ['an empty path', { a: '' }, [`/mapping/a ${PATH}`]],
  ['a path with a space', { a: 'b c' }, [`/mapping/a ${PATH}`]],
  ['a path that ends with a dot', { a: 'b.' }, [`/mapping/a ${PATH}`]],
  ['a path with two dots', { a: 'b..c' }, [`/mapping/a ${PATH}`]],
  ['a path into the prototype', { a: '__proto__.x' }, [`/mapping/a ${PATH}`]],
  ['a path for every element', { a: 'lines.*.sku' }, [`/mapping/a ${PATH}`]],
  ['a path of many steps', { a: Array.from({ length: 21 }, () => 'x').join('.') }, [`/mapping/a ${PATH}`]],
  [
    'a field of the prototype',
    parsed('{"__proto__": "a"}'),
    [`/mapping/__proto__ a field's name must not begin with "$", nor be "__proto__"`],
  ],
  [
    'a directive without $from',
    { a: { $map: {} } },
    [`/mapping/a/$map a field's name must not begin with "$", nor be "__proto__"`],
  ],
  ['an unknown key', { a: { $from: 'a', fallback: 1 } }, ['/mapping/a unknown field "fallback"']],
  [
    'a $from of another kind',
    { a: { $from: 1 } },
    ['/mapping/a/$from must be a path, or a list of at most 16 paths'],
  ],
  [
    'a $from without a path',
    { a: { $from: [] } },
    ['/mapping/a/$from must name a path, or have a default beside it, which is a constant then'],
  ],
  [
    'an unknown coercion',
    { a: { $from: 'a', coerce: 'toDate' } },
    ['/mapping/a/coerce must be toNumber, toNumberOrNull, toString, identity'],
  ],
  ['a $map that is a list', { a: { $from: 'a', $map: [1] } }, ['/mapping/a/$map must be an object']],
  [
    'an object in $map',
    { a: { $from: 'a', $map: { x: {} } } },
    ['/mapping/a/$map/x must be a text, a number, true, false or null'],
  ],
  [
    'a bad path within $each',
    { a: { $from: 'a', $each: { 'b/c': 'x y' } } },
    [`/mapping/a/$each/b~1c ${PATH}`],
  ],
  [
    '$each beside $map and coerce',
    { a: { $from: 'a', $each: { b: 'b' }, $map: {}, coerce: 'identity' } },
    [
      '/mapping/a/$map must be left out beside $each: the elements have tables of their own',
      '/mapping/a/coerce must be left out beside $each: a list has no other type',
    ],
  ],
  [
    'a megabyte of nesting',
    parsed('{"a":'.repeat(170_000) + '"x"' + '}'.repeat(170_000)),
    ['/mapping nests deeper than 32 levels'],
  ],
  [
    'too many places',
    Object.fromEntries(Array.from({ length: 5_001 }, (_, at) => [`f${at}`, 'a'])),
    ['/mapping has more than 5000 values'],
  ],
])('a mapping of %s is refused where it is wrong', (_, mapping, problems) => {
  expect(told({ ...good, mapping })).toEqual(problems);
});

const DATE =
  '/rules/0/when/0/value must be a date as 2026-01-31 or 2026-01-31T12:00:00Z: dates in other forms have no order';

test.each<[string, RawConfig, string[]]>([
  ['nothing', { ...good, rules: undefined }, ['/rules is required']],
  ['an object', { ...good, rules: {} }, ['/rules must be a list']],
  ['a text in the list', { ...good, rules: ['x'] }, ['/rules/0 expected object, received string']],
  [
    'a rule without anything',
    { ...good, rules: [{}] },
    [
      '/rules/0/id is required',
      '/rules/0/description is required',
      '/rules/0/field is required',
      '/rules/0/message is required',
      '/rules/0/when is required',
    ],
  ],
  ['an unknown key', { ...good, rules: [{ ...rule, then: 1 }] }, ['/rules/0 unknown field "then"']],
  [
    'an id of a structural issue',
    { ...good, rules: [{ ...rule, id: 'floor.required' }] },
    ['/rules/0/id must not begin with "floor.", "mapping.", "limit."'],
  ],
  [
    'an id twice',
    { ...good, rules: [rule, { ...rule, when: [{ fact: 'a', op: 'eq', value: 2 }] }] },
    ['/rules/1/id "r1" is the id of /rules/0 too'],
  ],
  [
    'no condition',
    { ...good, rules: [{ ...rule, when: [] }] },
    ['/rules/0/when must have a predicate: a rule without one is violated by every record'],
  ],
  [
    'an unknown operator',
    withWhen({ fact: 'a', op: 'like', value: 'x' }),
    ['/rules/0/when/0/op must be eq, ne, gt, gte, lt, lte, in, nin'],
  ],
  [
    'a list for eq',
    withWhen({ fact: 'a', op: 'eq', value: [1] }),
    ['/rules/0/when/0/value must not be a list for eq; use in or nin'],
  ],
  [
    'a text for in',
    withWhen({ fact: 'a', op: 'in', value: 'x' }),
    ['/rules/0/when/0/value must be a list for in'],
  ],
  [
    'another fact for nin',
    withWhen({ fact: 'a', op: 'nin', value: { $fact: 'b' } }),
    ['/rules/0/when/0/value must be a list for nin'],
  ],
  [
    'true for gt',
    withWhen({ fact: 'a', op: 'gt', value: true }),
    ['/rules/0/when/0/value must be a number or a text for gt'],
  ],
  [
    'no value',
    withWhen({ fact: 'a', op: 'eq' }),
    [
      '/rules/0/when/0/value must be a text, a number, true, false, null, a list of those, or {"$fact": path}',
    ],
  ],
  [
    'NaN as a value',
    withWhen({ fact: 'a', op: 'eq', value: Number.NaN }),
    [
      '/rules/0/when/0/value must be a text, a number, true, false, null, a list of those, or {"$fact": path}',
    ],
  ],
  [
    'a fact that is no path',
    withWhen({ fact: 'a b', op: 'eq', value: 1 }),
    [`/rules/0/when/0/fact ${PATH}; "*" stands for every element of a list`],
  ],
  ['a German date', withWhen({ fact: 'a', op: 'lt', value: '31.01.2026' }), [DATE]],
  ['an American date', withWhen({ fact: 'a', op: 'lt', value: '1/31/2026' }), [DATE]],
  ['a date with slashes', withWhen({ fact: 'a', op: 'lt', value: '2026/01/31' }), [DATE]],
  ['a date in words', withWhen({ fact: 'a', op: 'lt', value: '31 Jan 2026' }), [DATE]],
  ['a date of a mail', withWhen({ fact: 'a', op: 'lt', value: 'Sat, 31 Jan 2026 10:00:00 GMT' }), [DATE]],
  ['an ISO date', withWhen({ fact: 'a', op: 'lt', value: '2026-01-31' }), []],
  [
    'too many rules',
    { ...good, rules: Array.from({ length: 1_001 }, () => rule) },
    ['/rules must be at most 1000'],
  ],
])('rules of %s are refused where they are wrong', (_, raw, problems) => {
  expect(told(raw)).toEqual(problems);
});

test.each<[string, RawConfig, string[]]>([
  ['nothing', { ...good, corpus: undefined }, ['/corpus is required']],
  ['a text', { ...good, corpus: 'x' }, ['/corpus must be a list']],
  [
    'a case without anything',
    { ...good, corpus: [{}] },
    ['/corpus/0/name is required', '/corpus/0/input is required', '/corpus/0/expected is required'],
  ],
  [
    'an unknown action',
    { ...good, corpus: [{ ...example, input: { order: {}, action: 'delete' } }] },
    ['/corpus/0/input/action must be save, cancel, status-change'],
  ],
  [
    'an expectation without rules',
    { ...good, corpus: [{ ...example, expected: { valid: true } }] },
    ['/corpus/0/expected/ruleIds is required'],
  ],
  [
    'a name twice',
    { ...good, corpus: [example, example] },
    ['/corpus/1/name "one" is the name of /corpus/0 too'],
  ],
  [
    'a record that nests too deep',
    { ...good, corpus: [{ ...example, input: { order: parsed('['.repeat(99) + ']'.repeat(99)) } }] },
    ['/corpus/0 nests deeper than 64 levels'],
  ],
])('a corpus of %s is refused where it is wrong', (_, raw, problems) => {
  expect(told(raw)).toEqual(problems);
});

test.each<[string, RawConfig, string[]]>([
  ['of another kind', { ...good, floor: 1 }, ['/floor expected object, received number']],
  [
    'on one that there is not',
    { ...good, floor: { extends: 'nothing' } },
    ['/floor/extends must be order or invoice: there is no floor "nothing"'],
  ],
  [
    'that weakens',
    { ...good, floor: { extends: 'order', fields: { number: { required: false } } } },
    ['/floor/fields/number/required must be true, as in the floor that this one extends'],
  ],
  [
    'that replaces a rule',
    { ...good, floor: { extends: 'order', rules: [{ ...rule, id: 'order.lines' }] } },
    ['/floor/rules/0/id "order.lines" is a rule of the floor that this one extends; it cannot be replaced'],
  ],
  [
    'whose rule is said again',
    { ...good, floor: { extends: 'order' }, rules: [{ ...rule, id: 'order.lines' }] },
    ['/rules/0/id "order.lines" is a rule of the floor; it cannot be replaced'],
  ],
  [
    'with an unknown type',
    { ...good, floor: { fields: { a: { type: 'money' } } } },
    ['/floor/fields/a/type must be string, number, integer, boolean, date, date-time, object, list'],
  ],
])('a floor %s is refused where it is wrong', (_, raw, problems) => {
  expect(told(raw)).toEqual(problems);
});

test('problems of all parts come at once, and never more than two hundred', () => {
  expect(told({ mapping: { a: 1 }, rules: 1, corpus: 2, externalMapping: [], externalShape: 'x' })).toEqual([
    '/mapping/a must be a path, a directive with $from, or an object of those',
    '/rules must be a list',
    '/corpus must be a list',
    '/externalMapping must be an object in the shape of the record that is made',
    '/externalShape must be a JSON Schema, which is an object',
  ]);
  const many = told({
    ...good,
    mapping: Object.fromEntries(Array.from({ length: 1_000 }, (_, at) => [`f${at}`, 1])),
  });
  expect(many).toHaveLength(201);
  expect(many.at(-1)).toBe(' and 800 more problems');
});
