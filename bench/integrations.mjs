// npm run bench:integrations: validations per second of a record of 50 fields by 40 rules, compiled against interpreted,
// in one run on one core; and how long the gate takes over ten thousand cases. Build first (`npm run build`).
import { compileIntegration, NO_FLOOR, parseConfig, runGate } from '@pegasus-workflows/integrations';
import { interpretedValidate } from './lib/interpreted.mjs';
import { median } from './lib/statistics.mjs';

const FIELDS = 50;
const RULES = 40;
const ROUNDS = 7;
const ROUND_MS = 700;
const RECORDS = 200;

const names = Array.from({ length: FIELDS }, (_, at) => `field${at}`);
/** Ten texts by a table, ten numbers out of texts, the others as they are, ten of them one level down. */
const sourceOf = (at) => (at % 5 === 4 ? `group.F${at}` : `F${at}`);
const leafOf = (at) =>
  at % 5 === 0
    ? { $from: sourceOf(at), $map: { O: 'open', S: 'shipped', C: 'closed' } }
    : at % 5 === 1
      ? { $from: sourceOf(at), coerce: 'toNumber' }
      : sourceOf(at);
const mapping = Object.fromEntries(names.map((name, at) => [name, leafOf(at)]));
/** Between them the rules ask about every field; every fourth is about a transition. */
const ruleOf = (at) => {
  const [first, second] = [at, (at * 7 + 10) % FIELDS];
  const when = [conditionOn(first, 'eq'), conditionOn(second, at % 2 === 0 ? 'ne' : 'in')];
  if (at % 4 === 0) when.push({ fact: `prior.field${first}`, op: 'ne', value: null });
  return { id: `rule-${at}`, description: 'a rule', field: names[first], message: 'is not right', when };
};
const conditionOn = (at, op) => {
  const fact = names[at];
  if (at % 5 === 1) return { fact, op: op === 'ne' ? 'lte' : 'gt', value: 500 };
  const value = at % 5 === 0 ? 'shipped' : `text ${at} ${at}`;
  return { fact, op, value: op === 'in' ? [value, 'closed', 'open'] : value };
};
const rules = Array.from({ length: RULES }, (_, at) => ruleOf(at));
const recordOf = (seed) => {
  const record = { group: {} };
  names.forEach((_, at) => {
    const value =
      at % 5 === 0
        ? 'OSC'[(seed + at) % 3]
        : at % 5 === 1
          ? String((seed * 37 + at * 11) % 1_000)
          : `text ${seed} ${at}`;
    if (at % 5 === 4) record.group[`F${at}`] = value;
    else record[`F${at}`] = value;
  });
  return record;
};
const inputs = Array.from({ length: RECORDS }, (_, seed) => ({
  order: recordOf(seed),
  prior: recordOf(seed + 1),
  action: 'save',
}));

const { config } = parseConfig({ mapping, rules, corpus: [] });
const compiled = compileIntegration({ ...config, floor: NO_FLOOR });
const sides = {
  compiled: (input) => compiled.validate(input).issues.length,
  interpreted: (input) => interpretedValidate({ mapping, rules }, input).length,
};
for (const input of inputs) {
  if (sides.compiled(input) !== sides.interpreted(input)) throw new Error('the two sides disagree');
}

function perSecond(validate) {
  const began = performance.now();
  let done = 0;
  while (performance.now() - began < ROUND_MS) {
    for (const input of inputs) validate(input);
    done += inputs.length;
  }
  return (done / (performance.now() - began)) * 1_000;
}

const rates = { compiled: [], interpreted: [] };
for (let round = 0; round < ROUNDS; round += 1) {
  for (const [side, validate] of Object.entries(sides)) rates[side].push(perSecond(validate));
}
const [fast, slow] = [median(rates.compiled), median(rates.interpreted)];
console.log(`${FIELDS} fields, ${RULES} rules, with the record before, one core`);
console.log(`compiled     ${fast.toFixed(0)} validations/s`);
console.log(`interpreted  ${slow.toFixed(0)} validations/s`);
console.log(`ratio        ${(fast / slow).toFixed(2)}`);

const CASES = 10_000;
const cases = Array.from({ length: CASES }, (_, seed) => {
  const input = { ...inputs[seed % RECORDS], order: recordOf(seed) };
  const ruleIds = [...new Set(compiled.validate(input).issues.map(({ ruleId }) => ruleId))].sort();
  return { name: `case ${seed}`, input, expected: { valid: ruleIds.length === 0, ruleIds } };
});
const text = JSON.stringify({ mapping, rules, corpus: cases });
const began = performance.now();
const report = runGate(JSON.parse(text));
const seconds = (performance.now() - began) / 1_000;
if (report.corpus.passed !== CASES) throw new Error('the gate disagrees');
console.log(
  `gate         ${CASES} cases (${(text.length / 1e6).toFixed(0)} MB of JSON) in ${seconds.toFixed(2)} s`,
);
