import { type Rule } from '@pegasus-workflows/contracts';

/**
 * Rules as a person would check them by hand, with nothing decided beforehand: what the compiled rules are tested
 * against, and the interpreted baseline that they are measured by. Written apart from them, on purpose.
 */

export interface OracleFacts {
  order: unknown;
  prior?: unknown;
  action?: unknown;
}

export function violatedRules(rules: readonly Rule[], facts: OracleFacts): string[] {
  return rules.filter((rule) => isViolated(rule, facts)).map(({ id }) => id);
}

function isViolated(rule: Rule, facts: OracleFacts): boolean {
  const named = rule.when.flatMap(({ fact, value }) => (isReference(value) ? [fact, value.$fact] : [fact]));
  if (named.some((fact) => fact.startsWith('prior.')) && (facts.prior === undefined || facts.prior === null))
    return false;
  return rule.when.every(({ fact, op, value }) => {
    const wanted = isReference(value) ? (valuesAt(facts, value.$fact)[0] ?? null) : value;
    return valuesAt(facts, fact).some((actual) => relation(actual, op, wanted));
  });
}

function isReference(value: unknown): value is { $fact: string } {
  return typeof value === 'object' && value !== null && '$fact' in value;
}

function valuesAt(facts: OracleFacts, fact: string): unknown[] {
  if (fact === 'action') return [facts.action ?? null];
  const full = fact.startsWith('prior.') || fact.startsWith('order.') ? fact : `order.${fact}`;
  let values: unknown[] = [facts];
  const names = full.split('.');
  names.forEach((name, at) => {
    values = values.flatMap((value) => {
      if (name === '*') return Array.isArray(value) ? (value as unknown[]) : [];
      const isThere =
        typeof value === 'object' &&
        value !== null &&
        Object.keys(value)
          .concat(Array.isArray(value) ? 'length' : [])
          .includes(name);
      return [
        isThere ? (value as Record<string, unknown>)[name] : at === names.length - 1 ? null : undefined,
      ];
    });
  });
  return values.map((value) => value ?? null);
}

function relation(actual: unknown, op: string, wanted: unknown): boolean {
  const same = (one: unknown): boolean =>
    !Number.isNaN(actual) && JSON.stringify(one) === JSON.stringify(actual);
  if (op === 'eq') return same(wanted);
  if (op === 'ne') return !same(wanted);
  if (op === 'in') return (wanted as unknown[]).some(same);
  if (op === 'nin') return !(wanted as unknown[]).some(same);
  const comparable =
    (typeof actual === 'number' && typeof wanted === 'number') ||
    (typeof actual === 'string' && typeof wanted === 'string');
  if (!comparable) return false;
  const isDate = (text: unknown): boolean =>
    typeof text === 'string' &&
    /^\d{4}-\d\d-\d\d$/.test(text) &&
    new Date(text).toJSON()?.startsWith(text) === true;
  const [left, right] =
    isDate(actual) && isDate(wanted)
      ? [Date.parse(actual as string), Date.parse(wanted as string)]
      : [actual, wanted];
  if (op === 'gt') return left > right;
  if (op === 'gte') return left >= right;
  return op === 'lt' ? left < right : left <= right;
}
