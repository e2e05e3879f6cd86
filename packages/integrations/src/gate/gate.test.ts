import { expect, test } from 'vitest';
import { type RawConfig } from '../parse.js';
import { gateSteps, runGate } from './gate.js';

const lateRule = {
  id: 'late',
  description: 'A shipped order is not changed.',
  field: 'status',
  message: 'A shipped order cannot be opened again.',
  when: [
    { fact: 'prior.status', op: 'eq', value: 'shipped' },
    { fact: 'status', op: 'eq', value: 'open' },
  ],
};
const bigRule = {
  id: 'big',
  description: 'Large orders go to a person.',
  field: 'total',
  message: 'Orders above 1000 need an approval.',
  when: [{ fact: 'total', op: 'gt', value: 1000 }],
};
const order = { No: 'A-1', State: 'O', Total: '10' };
const caseOf = (name: string, changes: object, ruleIds: string[], input: object = {}): object => ({
  name,
  input: { order: { ...order, ...changes }, ...input },
  expected: { valid: ruleIds.length === 0, ruleIds },
});

const good = {
  mapping: {
    number: 'No',
    status: { $from: 'State', $map: { O: 'open', S: 'shipped' } },
    total: { $from: 'Total', coerce: 'toNumber' },
  },
  rules: [lateRule, bigRule],
  corpus: [
    caseOf('an order', {}, []),
    caseOf('a large order', { Total: '1001' }, ['big']),
    caseOf('opened again', {}, ['late'], { prior: { ...order, State: 'S' } }),
    caseOf('no number', { Total: 'ten' }, ['mapping.number']),
  ],
  externalShape: {
    type: 'object',
    properties: {
      No: { type: 'string' },
      State: { type: 'string' },
      Total: { type: 'string' },
      Lines: { type: 'array', items: { type: 'object', properties: { Sku: { type: 'string' } } } },
    },
  },
} satisfies RawConfig;

const problemsOf = (changes: Partial<RawConfig>): string[] =>
  runGate({ ...good, ...changes }).problems.map(
    ({ stage, where, problem }) => `${stage} ${where}: ${problem}`,
  );

test('what is right passes', () => {
  expect(runGate(good)).toEqual({ ok: true, problems: [], corpus: { total: 4, passed: 4, failures: [] } });
});

test('what has no form is not run (invariant 2)', () => {
  expect(runGate({ ...good, rules: [{ ...bigRule, id: '' }] })).toEqual({
    ok: false,
    problems: [
      {
        stage: 'schema',
        where: '/rules/0/id',
        problem: 'must be 1 to 128 letters, digits, ".", "_", ":" or "-"',
      },
    ],
    corpus: { total: 4, passed: 0, failures: [] },
  });
});

test.each<[string, Partial<RawConfig>, string[]]>([
  [
    'a path that the external shape has not',
    { mapping: { ...good.mapping, status: { ...good.mapping.status, $from: ['Sate', 'State'] } } },
    ['static /mapping/status/$from/0: "Sate" is not in externalShape; did you mean "State"?'],
  ],
  [
    'a path within a list that it has not',
    {
      mapping: { ...good.mapping, lines: { $from: 'Lines', $each: { sku: 'Sko' } } },
      corpus: [...good.corpus, caseOf('lines', { Lines: [{ Sko: '1' }] }, [])],
    },
    ['static /mapping/lines/$each/sku: "Lines.*.Sko" is not in externalShape; did you mean "Lines.*.Sku"?'],
  ],
  [
    'a fact that the mapping does not make',
    {
      rules: [lateRule, { ...bigRule, when: [{ fact: 'totl', op: 'eq', value: null }] }],
      corpus: [caseOf('all', {}, ['big']), good.corpus[2]],
    },
    [
      'static /rules/1/when/0/fact: "totl" is not in the record that the mapping makes; did you mean "total"?',
    ],
  ],
  [
    'a condition that nothing fulfils',
    {
      rules: [
        lateRule,
        bigRule,
        {
          ...bigRule,
          id: 'never',
          when: [
            { fact: 'total', op: 'gt', value: 5 },
            { fact: 'total', op: 'lt', value: 3 },
          ],
        },
      ],
    },
    [
      'static /rules/2/when: can never be true: "total" is never gt 5 and lt 3',
      'coverage /rules/2: no case of the corpus expects "never": add a record that violates it',
    ],
  ],
  [
    'a condition that another rule has',
    {
      rules: [lateRule, bigRule, { ...bigRule, id: 'big2' }],
      corpus: [
        ...good.corpus.filter(({}, at) => at !== 1),
        caseOf('a large order', { Total: '1001' }, ['big', 'big2']),
      ],
    },
    ['static /rules/2/when: is the condition of the rule "big" too; leave one out'],
  ],
  [
    'a field that the floor requires',
    {
      floor: { fields: { buyer: { required: true } } },
      corpus: good.corpus.map((one) => {
        const { name, input, expected } = one as {
          name: string;
          input: object;
          expected: { ruleIds: string[] };
        };
        return { name, input, expected: { valid: false, ruleIds: [...expected.ruleIds, 'floor.required'] } };
      }),
    },
    ['static /mapping: makes no field "buyer", which the floor requires'],
  ],
  [
    'a way back from a field that there is not',
    { externalMapping: { No: 'number', State: 'state' } },
    [
      'static /externalMapping/State: "state" is not in the record that the mapping makes; did you mean "status"?',
      'coverage /externalMapping/State: gives no value in any case of the corpus: add a record that has state, or leave it out',
    ],
  ],
  [
    'a record named by a field that the mapping does not make',
    { inbound: { key: 'nummer', sequence: 'lines.*.at' } },
    [
      'static /inbound/key: "nummer" is not in the record that the mapping makes; did you mean "number"?',
      'static /inbound/sequence: must name one field, not every element of a list',
    ],
  ],
  [
    'a delivery that goes by fields that the mapping does not make',
    { outbound: { connection: 'shop', path: '/orders/{{ numbr }}/{{a b}}', once: ['status', 'lines.*'] } },
    [
      'static /outbound/path: "numbr" is not in the record that the mapping makes; did you mean "number"?',
      'static /outbound/path: {{a b}} names no field',
      'static /outbound/once/1: must name one field, not every element of a list',
    ],
  ],
  [
    'a rule that no case covers',
    { corpus: good.corpus.filter((_, at) => at !== 1) },
    ['coverage /rules/1: no case of the corpus expects "big": add a record that violates it'],
  ],
  [
    'a leaf that never gives a value',
    { mapping: { ...good.mapping, sku: { $from: ['Lines.0.Sku', 'Lines.1.Sku'] } } },
    [
      'coverage /mapping/sku: gives no value in any case of the corpus: add a record that has Lines.0.Sku or Lines.1.Sku, or leave it out',
    ],
  ],
])('%s is told', (_, changes, problems) => {
  expect(problemsOf(changes)).toEqual(problems);
  expect(runGate({ ...good, ...changes }).ok).toBe(false);
});

test.each<[string, object, object]>([
  [
    'a rule that is broken and should not be: the record',
    caseOf('wrong', { Total: '1001' }, []),
    {
      reason: 'behavioral',
      detail: 'not expected: "big" (total: Orders above 1000 need an approval.)',
      expected: { valid: true, ruleIds: [] },
      actual: { valid: false, ruleIds: ['big'] },
      change: [{ where: '/corpus/4/input/order/Total', from: '1001', to: '1000' }],
    },
  ],
  [
    'a rule that should be broken and is not: the record, through the table of the mapping',
    caseOf('wrong', { State: 'S' }, ['late'], { prior: { ...order, State: 'S' } }),
    {
      reason: 'behavioral',
      detail: 'expected and not there: "late"',
      expected: { valid: false, ruleIds: ['late'] },
      actual: { valid: true, ruleIds: [] },
      change: [{ where: '/corpus/4/input/order/State', from: 'S', to: 'O' }],
    },
  ],
  [
    'a form that is told and was not expected: the expectation',
    { name: 'wrong', input: { order: { ...order, Total: 'ten' } }, expected: { valid: false, ruleIds: [] } },
    {
      reason: 'structural',
      detail: 'not expected: "mapping.number" (total: must be a number, and is "ten")',
      expected: { valid: false, ruleIds: [] },
      actual: { valid: false, ruleIds: ['mapping.number'] },
      change: [{ where: '/corpus/4/expected/ruleIds', from: [], to: ['mapping.number'] }],
    },
  ],
  [
    'an expectation that disagrees with itself',
    { name: 'wrong', input: { order }, expected: { valid: false, ruleIds: [] } },
    {
      reason: 'behavioral',
      detail: 'expected to be invalid, and is valid',
      expected: { valid: false, ruleIds: [] },
      actual: { valid: true, ruleIds: [] },
      change: [{ where: '/corpus/4/expected/valid', from: false, to: true }],
    },
  ],
  [
    'another canonical record',
    {
      name: 'wrong',
      input: { order },
      expected: { valid: true, ruleIds: [], canonical: { number: 'A-1', status: 'open', total: '10' } },
    },
    {
      reason: 'structural',
      detail: 'the canonical record is another one, first at total',
      expected: { number: 'A-1', status: 'open', total: '10' },
      actual: { number: 'A-1', status: 'open', total: 10 },
      change: [
        {
          where: '/corpus/4/expected/canonical',
          from: { number: 'A-1', status: 'open', total: '10' },
          to: { number: 'A-1', status: 'open', total: 10 },
        },
      ],
    },
  ],
])('a case fails with what would have passed: %s', (_, wrong, failure) => {
  const report = runGate({ ...good, corpus: [...good.corpus, wrong] });
  expect(report).toMatchObject({ ok: false, problems: [], corpus: { total: 5, passed: 4 } });
  expect(report.corpus.failures).toEqual([{ name: 'wrong', ...failure }]);
});

test('each change that is told makes the case pass', () => {
  const wrong = [
    caseOf('1', { Total: '5000' }, []),
    caseOf('2', { Total: '5' }, ['big']),
    caseOf('3', { State: 'S', Total: '5' }, ['late'], { prior: order }),
    caseOf('4', { Total: '5000', State: 'X' }, ['late']),
  ];
  const corpus = structuredClone([...good.corpus, ...wrong]) as object[];
  const { failures } = runGate({ ...good, corpus }).corpus;
  expect(failures).toHaveLength(4);
  for (const { change } of failures)
    for (const { where, to } of change) setAt({ corpus }, where.slice(1).split('/'), to);
  expect(runGate({ ...good, corpus }).corpus.failures).toEqual([]);
});

function setAt(json: object, [key, ...rest]: string[], value: unknown): void {
  const object = json as Record<string, object>;
  if (rest.length === 0) (object as Record<string, unknown>)[key!] = value;
  else setAt((object[key!] ??= {}), rest, value);
}

test('ten thousand cases are all run, and it says how far it is (invariant 3)', () => {
  const corpus = Array.from({ length: 9_996 }, (_, at) =>
    caseOf(`order ${at}`, { Total: String(at % 1_500) }, []),
  );
  const steps = gateSteps({ ...good, corpus: [...good.corpus, ...corpus] });
  const seen: number[] = [];
  let step = steps.next();
  for (; !step.done; step = steps.next()) seen.push(step.value.done);
  expect(seen).toEqual(Array.from({ length: 40 }, (_, at) => at * 250));
  const tooLarge = corpus.filter((_, at) => at % 1_500 > 1_000).length;
  expect(step.value.corpus).toMatchObject({ total: 10_000, passed: 10_000 - tooLarge });
  expect(step.value.corpus.failures).toHaveLength(100);
});
