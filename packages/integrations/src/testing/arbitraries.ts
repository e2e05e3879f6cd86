import {
  COERCIONS,
  FIELD_TYPES,
  RULE_OPERATORS,
  type Floor,
  type MappingDirective,
  type MappingNode,
  type MappingObject,
  type Predicate,
  type Rule,
} from '@pegasus-workflows/contracts';
import fc from 'fast-check';

/** Few names, so that paths meet records. */
export const names = fc.constantFrom('a', 'b', 'c', 'lines', 'status', 'constructor', 'toString');
export const scalars = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    false,
    0,
    1,
    -1,
    2.5,
    '',
    'x',
    'open',
    '1',
    '12.5',
    '1e3',
    ' 1',
    '2026-01-31',
    '2026-02-01',
    '2026-02-30',
  ),
  fc.integer({ min: -3, max: 3 }),
);

/** Any record: small names, lists, nesting; now and then something that is no JSON. */
export const records: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    scalars,
    fc.constantFrom<unknown>(undefined, Number.NaN, Number.POSITIVE_INFINITY),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(names, tie('value'), { maxKeys: 4 }),
  ),
})).value;

/** Records as they come over the wire. */
export const jsonRecords: fc.Arbitrary<unknown> = records.map((record): unknown =>
  JSON.parse(JSON.stringify(record) ?? 'null'),
);

const paths = fc.array(names, { minLength: 1, maxLength: 3 }).map((segments) => segments.join('.'));
const anyPaths = fc.oneof(
  paths,
  paths.map((path) => `$.${path}`),
  paths.map((path) => `${path}.0`),
);

const directives = (each: fc.Arbitrary<MappingObject>): fc.Arbitrary<MappingDirective> =>
  fc.oneof(
    fc.record(
      {
        $from: fc.oneof(anyPaths, fc.array(anyPaths, { maxLength: 3 })),
        default: scalars,
        $map: fc.dictionary(fc.constantFrom('x', 'open', '1', 'true'), fc.constantFrom('X', 1, null, false)),
        coerce: fc.constantFrom(...COERCIONS),
      },
      { requiredKeys: ['$from'] },
    ),
    fc.record({ $from: fc.oneof(fc.constant('lines'), anyPaths), $each: each }),
  );

/** Mappings of every directive, some of which no record fits. */
export const mappings: fc.Arbitrary<MappingObject> = fc.letrec<{ node: MappingNode; object: MappingObject }>(
  (tie) => ({
    node: fc.oneof({ maxDepth: 3 }, anyPaths, directives(tie('object')), tie('object')),
    object: fc.dictionary(names, tie('node'), { maxKeys: 4 }),
  }),
).object;

const facts = fc.oneof(
  paths,
  paths.map((path) => `prior.${path}`),
  paths.map((path) => `order.${path}`),
  paths.map((path) => `lines.*.${path}`),
  fc.constantFrom('action', 'lines.length', 'lines.*'),
);
const values = scalars.filter((value) => value !== undefined) as fc.Arbitrary<
  string | number | boolean | null
>;
export const predicates: fc.Arbitrary<Predicate> = fc
  .record({
    fact: facts,
    op: fc.constantFrom(...RULE_OPERATORS),
    one: values,
    many: fc.array(values, { maxLength: 3 }),
    other: fc.option(
      facts.filter((fact) => !fact.includes('*')),
      { freq: 6 },
    ),
  })
  .map(({ fact, op, one, many, other }) => {
    if (op === 'in' || op === 'nin') return { fact, op, value: many };
    if (other !== null) return { fact, op, value: { $fact: other } };
    const isOrdered = op !== 'eq' && op !== 'ne';
    return { fact, op, value: isOrdered && (one === null || typeof one === 'boolean') ? 1 : one };
  });

export const rules: fc.Arbitrary<Rule[]> = fc
  .array(fc.array(predicates, { minLength: 1, maxLength: 3 }), { maxLength: 5 })
  .map((list) =>
    list.map((when, at) => ({ id: `r${at}`, description: 'd', field: 'a', message: 'm', when })),
  );

/** Floors of a few fields, with lists. */
export const floors: fc.Arbitrary<Floor> = fc
  .dictionary(
    fc.oneof(paths, fc.constantFrom('lines.*', 'lines.*.a', 'lines.*.status')),
    fc.record(
      {
        type: fc.constantFrom(...FIELD_TYPES),
        required: fc.boolean(),
        nullable: fc.boolean(),
        enum: fc.array(values, { minLength: 1, maxLength: 3 }),
      },
      { requiredKeys: [] },
    ),
    { maxKeys: 4 },
  )
  .map((fields) => ({ fields, rules: [] }));
