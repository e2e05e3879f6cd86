import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FILTER_LIMITS, FILTER_OPS, filterSchema, matches, parseFilter } from './filters.js';

const NAMES = ['a', 'b', 'items', '0', '1', 'length', '__proto__', 'constructor', 'toString', ''];
const name = fc.constantFrom(...NAMES);
const scalar = fc.oneof(
  fc.constantFrom(
    0,
    -0,
    1,
    10,
    '10',
    '9',
    'a',
    '',
    '2026-01-31T08:00:00Z',
    '2026-02-01T08:00:00Z',
    null,
    true,
    false,
  ),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.string({ maxLength: 4 }),
);
/** Any JSON whose names are likely to be asked for; `JSON.parse`, so that `__proto__` is an own property. */
const json = fc.letrec((tie) => ({
  value: fc.oneof({ depthSize: 'small', withCrossShrink: true }, scalar, tie('list'), tie('object')),
  list: fc.array(tie('value'), { maxLength: 4 }),
  object: fc
    .array(fc.tuple(name, tie('value')), { maxLength: 4 })
    .map((entries) =>
      JSON.parse(`{${entries.map(([k, v]) => `${JSON.stringify(k)}:${JSON.stringify(v)}`).join(',')}}`),
    ),
})).value;
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join('.'));
const condition = fc.record(
  {
    path,
    op: fc.constantFrom(...FILTER_OPS),
    value: fc.oneof(scalar, fc.array(scalar, { maxLength: 3 }), fc.boolean(), json),
  },
  { requiredKeys: ['path', 'op'] },
);
const tree = fc.letrec((tie) => ({
  node: fc.oneof({ depthSize: 'small' }, condition, tie('all'), tie('any')),
  all: fc.record({ all: fc.array(tie('node'), { maxLength: 3 }) }),
  any: fc.record({ any: fc.array(tie('node'), { maxLength: 3 }) }),
})).node;
const flat = fc.dictionary(name, scalar, { maxKeys: 3 });
const filter = fc.oneof(tree, flat, json);

/** The same rules said once more, the slow and simple way: every path of the payload is written down first. */
function oracle(input: any, payload: any): boolean {
  const isScalar = (v: any) => v === null || ['string', 'number', 'boolean'].includes(typeof v);
  const isObject = (v: any) => typeof v === 'object' && v !== null && !Array.isArray(v);
  const own = (o: any, k: string) => Object.prototype.hasOwnProperty.call(o, k);
  if (!isObject(input)) return false;
  const isTree =
    (own(input, 'path') && own(input, 'op')) || Array.isArray(input.all) || Array.isArray(input.any);
  if (!isTree) {
    if (!Object.values(input).every(isScalar) || !isObject(payload)) return false;
    return Object.keys(input).every((k) => own(payload, k) && payload[k] === input[k]);
  }
  const sound = (node: any): boolean => {
    if (!isObject(node)) return false;
    const keys = Object.keys(node);
    const group = keys.includes('all') ? 'all' : keys.includes('any') ? 'any' : undefined;
    if (group)
      return (
        keys.length === 1 && Array.isArray(node[group]) && node[group].length > 0 && node[group].every(sound)
      );
    if (!keys.every((k) => ['path', 'op', 'value'].includes(k))) return false;
    if (typeof node.path !== 'string' || !/^[^.]+(\.[^.]+)*$/.test(node.path)) return false;
    if (node.op === 'exists') return node.value === undefined || typeof node.value === 'boolean';
    if (node.op === 'in' || node.op === 'nin')
      return Array.isArray(node.value) && node.value.length > 0 && node.value.every(isScalar);
    if (['gt', 'gte', 'lt', 'lte'].includes(node.op)) return ['string', 'number'].includes(typeof node.value);
    return ['eq', 'neq', 'contains'].includes(node.op) && isScalar(node.value);
  };
  if (!sound(input)) return false;
  const places = new Map<string, any>();
  const write = (value: any, at: string) => {
    if (at !== '') places.set(at, value);
    if (Array.isArray(value)) value.forEach((v, i) => write(v, `${at}/${i}`));
    else if (isObject(value)) for (const k of Object.keys(value)) write(value[k], `${at}/${k}`);
  };
  write(payload, '');
  const holds = (node: any): boolean => {
    if (node.all) return !node.all.some((n: any) => !holds(n));
    if (node.any) return !node.any.every((n: any) => !holds(n));
    const at = `/${node.path.replaceAll('.', '/')}`;
    const present = places.has(at);
    const found = places.get(at);
    const alike = typeof found === typeof node.value && ['string', 'number'].includes(typeof found);
    const tests: Record<string, () => boolean> = {
      eq: () => present && found === node.value,
      neq: () => !(present && found === node.value),
      gt: () => alike && found > node.value,
      gte: () => alike && found >= node.value,
      lt: () => alike && found < node.value,
      lte: () => alike && found <= node.value,
      in: () => present && node.value.indexOf(found) >= 0,
      nin: () => !(present && node.value.indexOf(found) >= 0),
      contains: () =>
        Array.isArray(found)
          ? found.indexOf(node.value) >= 0
          : typeof found === 'string' && typeof node.value === 'string' && found.indexOf(node.value) >= 0,
      exists: () => present === (node.value ?? true),
    };
    return tests[node.op]!();
  };
  return holds(input);
}

describe('filters', () => {
  it('say what the oracle says, for 20 000 filters and payloads (invariants 1 to 4)', () => {
    let matched = 0;
    let sound = 0;
    fc.assert(
      fc.property(filter, json, (f, payload) => {
        const expected = oracle(f, payload);
        if (expected) matched++;
        if (parseFilter(f).ok) sound++;
        expect(matches(f, payload)).toBe(expected);
      }),
      { numRuns: 20_000 },
    );
    // Otherwise the agreement would be about nothing.
    expect(matched).toBeGreaterThan(200);
    expect(sound).toBeGreaterThan(2_000);
  });

  it('never throw, whatever the two values are (invariant 1)', () => {
    const cyclic: Record<string, unknown> = {};
    cyclic['all'] = [cyclic];
    const throwing = new Proxy({}, { ownKeys: () => { throw new Error('no'); } }); // prettier-ignore
    const getter = { get all(): unknown { throw new Error('no'); } }; // prettier-ignore
    const hostile = [
      cyclic,
      throwing,
      getter,
      new Array(4e9),
      { all: new Array(4e9) },
      Symbol('x'),
      10n,
      () => true,
      NaN,
    ];
    for (const f of [...hostile, { a: NaN }, { path: 'a', op: 'in', value: new Array(4e9) }]) {
      for (const payload of [...hostile, {}, { a: 1 }]) expect(matches(f, payload)).toBe(false);
    }
    fc.assert(
      fc.property(
        fc.anything({ withNullPrototype: true, withSparseArray: true, withBigInt: true }),
        fc.anything(),
        (f, p) => {
          expect(typeof matches(f, p)).toBe('boolean');
          expect(parseFilter(f).ok || matches(f, p) === false).toBe(true);
        },
      ),
      { numRuns: 10_000 },
    );
  });

  it('look at own properties only (invariant 3)', () => {
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'length'])
      for (const payload of [{}, { a: [1] }, 'text', [1, 2]])
        expect(matches({ path: name, op: 'exists' }, payload)).toBe(false);
    expect(matches({ path: 'a.length', op: 'exists' }, { a: [1] })).toBe(false);
    expect(
      matches({ path: '__proto__.admin', op: 'eq', value: true }, JSON.parse('{"__proto__":{"admin":true}}')),
    ).toBe(true);
    expect(matches(JSON.parse('{"__proto__":1}'), {})).toBe(false);
    expect(Object.prototype).not.toHaveProperty('admin');
  });

  it.each([
    ['an empty flat filter asks for nothing', {}, { a: 1 }, true],
    ['types are not mixed', { path: 'a', op: 'gt', value: 9 }, { a: '10' }, false],
    [
      'times in UTC are in order as texts',
      { path: 'at', op: 'gte', value: '2026-01-31' },
      { at: '2026-01-31T08:00:00Z' },
      true,
    ],
    [
      'a list is walked by index',
      { path: 'items.1.sku', op: 'eq', value: 'B' },
      { items: [{ sku: 'A' }, { sku: 'B' }] },
      true,
    ],
    ['an index has one spelling', { path: 'items.01', op: 'exists' }, { items: [1, 2] }, false],
    ['what is not there differs from every value', { path: 'x', op: 'neq', value: 1 }, {}, true],
    ['what is not there is not null', { path: 'x', op: 'eq', value: null }, {}, false],
    ['null is there', { path: 'x', op: 'exists' }, { x: null }, true],
    [
      'path and op alone make a tree',
      { path: 'x', op: 'nonsense', value: 1 },
      { path: 'x', op: 'nonsense', value: 1 },
      false,
    ],
    ['path without op is a flat filter', { path: '/x' }, { path: '/x' }, true],
    ['all with a text is a flat filter', { all: 'yes' }, { all: 'yes' }, true],
    ['a group has nothing beside it', { all: [{ path: 'a', op: 'exists' }], a: 1 }, { a: 1 }, false],
    ['an empty group is malformed', { any: [] }, {}, false],
  ])('%s', (_title, f, payload, expected) => expect(matches(f, payload)).toBe(expected));

  it('name each problem by a JSON pointer', () => {
    const f = {
      all: [{ path: 'a..b', op: 'eq', value: 1 }, { any: [{ path: 'c', op: 'in', value: [1, {}] }] }],
    };
    expect(parseFilter(f)).toEqual({
      ok: false,
      problems: [
        { pointer: '/all/0/path', problem: expect.stringContaining('single dots') },
        { pointer: '/all/1/any/0/value/1', problem: expect.stringContaining('must be text, a number') },
      ],
    });
    expect(parseFilter({ 'a/b~c': [] })).toMatchObject({ problems: [{ pointer: '/a~1b~0c' }] });
    expect(filterSchema.safeParse(f).error?.issues[0]?.message).toBe(
      'is not a filter at /all/0/path: must be names separated by single dots',
    );
  });

  it('are bounded (invariant 5)', () => {
    const leaf = { path: 'a', op: 'exists' };
    const nested = (depth: number): object => (depth === 0 ? leaf : { all: [nested(depth - 1)] });
    expect(parseFilter(nested(FILTER_LIMITS.depth - 1)).ok).toBe(true);
    expect(parseFilter(nested(FILTER_LIMITS.depth)).ok).toBe(false);
    const wide = (nodes: number) => ({ all: new Array(nodes - 1).fill(leaf) });
    expect(parseFilter(wide(FILTER_LIMITS.nodes)).ok).toBe(true);
    expect(parseFilter(wide(FILTER_LIMITS.nodes + 1)).ok).toBe(false);
    const text = (length: number) => ({ a: 'x'.repeat(length) });
    expect(parseFilter(text(FILTER_LIMITS.textCharacters)).ok).toBe(true);
    expect(parseFilter(text(FILTER_LIMITS.textCharacters + 1)).ok).toBe(false);
    expect(parseFilter({ path: 'a.'.repeat(FILTER_LIMITS.segments) + 'a', op: 'exists' }).ok).toBe(false);
    expect(parseFilter({ path: 'a', op: 'in', value: new Array(FILTER_LIMITS.values + 1).fill(1) }).ok).toBe(
      false,
    );
  });
});
