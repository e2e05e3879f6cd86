// A configuration read anew for each record, as a first version of any such engine would: the baseline.

/** The ids of the rules that a record violates. */
export function interpretedValidate({ mapping, rules }, { order, prior, action }) {
  const record = mapObject(mapping, order);
  const facts = { order: record, prior: prior === undefined ? undefined : mapObject(mapping, prior), action };
  return rules.filter((rule) => isViolated(rule, facts)).map(({ id }) => id);
}

function mapObject(mapping, source) {
  const made = {};
  for (const [name, node] of Object.entries(mapping)) {
    const value = mapNode(node, source);
    if (value !== undefined) made[name] = value;
  }
  return made;
}

function mapNode(node, source) {
  if (typeof node === 'string') return at(source, node);
  if (!('$from' in node)) return mapObject(node, source);
  const paths = Array.isArray(node.$from) ? node.$from : [node.$from];
  let value = paths.map((path) => at(source, path)).find((found) => found !== undefined);
  if (value !== undefined && node.$map) value = node.$map[String(value)];
  if (value !== undefined && node.coerce === 'toNumber') value = Number(value);
  return value ?? node.default;
}

function isViolated({ when }, facts) {
  if (facts.prior === undefined && when.some(({ fact }) => fact.startsWith('prior.'))) return false;
  return when.every(({ fact, op, value }) => {
    const actual = /^(prior|order)\./.test(fact)
      ? at(facts, fact)
      : fact === 'action'
        ? facts.action
        : at(facts.order, fact);
    return holds(actual ?? null, op, value);
  });
}

function holds(actual, op, value) {
  if (op === 'eq') return actual === value;
  if (op === 'ne') return actual !== value;
  if (op === 'in') return value.includes(actual);
  if (op === 'nin') return !value.includes(actual);
  if (typeof actual !== typeof value) return false;
  return op === 'gt'
    ? actual > value
    : op === 'gte'
      ? actual >= value
      : op === 'lt'
        ? actual < value
        : actual <= value;
}

function at(value, path) {
  let found = value;
  for (const name of path.split('.')) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, name)) return undefined;
    found = found[name];
  }
  return found;
}
