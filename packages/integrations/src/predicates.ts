import {
  EACH_ELEMENT,
  parseRecordPath,
  type IntegrationIssue,
  type Predicate,
  type RecordAction,
  type Rule,
  type RuleOperator,
} from '@pegasus-workflows/contracts';
import { RECORD_LIMITS } from './bounded.js';
import { compareValues, compileElements, compileReader, isSame } from './values.js';

/**
 * Job: which rules a record violates.
 *
 * Boundary: rules that `parse.ts` has accepted; canonical records within {@link RECORD_LIMITS}; pure.
 *
 * Invariants
 * 1. Total: any record gives a list of issues, and never an exception.
 * 2. `ne` and `nin` are the exact negations of `eq` and `in`; `gt`, `gte`, `lt` and `lte` are false where there is no
 *    order, so that `gt` is not the negation of `lte`.
 * 3. A rule that names `prior` is not violated where there is no prior record: there is no transition.
 */

/** The records that a fact is read from, in whichever form they are at hand. */
export interface Facts<R = unknown> {
  order: R;
  /** Absent: there was none before. */
  prior?: R | undefined;
  action?: RecordAction | undefined;
}

/** How a canonical path without `*` is read from a record. */
export type ReaderFor<R> = (segments: readonly string[], root: 'order' | 'prior') => (record: R) => unknown;

/** Records as they are. */
export const fromRecords: ReaderFor<unknown> = (segments) => compileReader(segments);

export interface Fact {
  root: 'order' | 'prior' | 'action';
  segments: readonly string[];
}

/** `prior.status`, `order.status`, `status` or `action`. */
export function factOf(text: string): Fact {
  const { segments } = parseRecordPath(text)!;
  const [first, ...rest] = segments;
  if (first === 'action' && rest.length === 0) return { root: 'action', segments: [] };
  if ((first === 'order' || first === 'prior') && rest.length > 0) return { root: first, segments: rest };
  return { root: 'order', segments };
}

type Test<R> = (facts: Facts<R>) => boolean;

/** Whether one value stands to another as the operator says. */
export function holds(fact: unknown, op: RuleOperator, value: unknown): boolean {
  switch (op) {
    case 'eq':
      return isSame(fact, value);
    case 'ne':
      return !isSame(fact, value);
    case 'gt':
      return (compareValues(fact, value) ?? 0) > 0;
    case 'gte':
      return (compareValues(fact, value) ?? -1) >= 0;
    case 'lt':
      return (compareValues(fact, value) ?? 0) < 0;
    case 'lte':
      return (compareValues(fact, value) ?? 1) <= 0;
    case 'in':
      return Array.isArray(value) && value.some((one) => isSame(fact, one));
    case 'nin':
      return !(Array.isArray(value) && value.some((one) => isSame(fact, one)));
  }
}

/** The value that a predicate compares with, when it is none that has to be read first. */
export function constantOf({ value }: Predicate): { value: unknown } | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? undefined : { value };
}

function compilePredicate<R>(predicate: Predicate, readerFor: ReaderFor<R>): Test<R> {
  const { op } = predicate;
  const fact = factOf(predicate.fact);
  const constant = constantOf(predicate);
  const isMany = fact.segments.includes(EACH_ELEMENT);
  if (!constant) {
    const readOther = compileFact(factOf((predicate.value as { $fact: string }).$fact), readerFor);
    if (!isMany) {
      const read = compileFact(fact, readerFor);
      return (facts) => holds(read(facts), op, readOther(facts));
    }
    const readAll = compileFacts(fact, readerFor);
    return (facts) => {
      const other = readOther(facts);
      return readAll(facts).some((value) => holds(value, op, other));
    };
  }
  const test = compileTest(op, constant.value);
  if (isMany) {
    const readAll = compileFacts(fact, readerFor);
    return (facts) => readAll(facts).some(test);
  }
  const read = compileFact(fact, readerFor);
  return (facts) => test(read(facts));
}

/** {@link holds} with everything about the operator and its value decided once. */
function compileTest(op: RuleOperator, value: unknown): (fact: unknown) => boolean {
  switch (op) {
    case 'eq':
      return (fact) => (fact ?? null) === value;
    case 'ne':
      return (fact) => (fact ?? null) !== value;
    case 'in': {
      const values = new Set(value as unknown[]);
      return (fact) => hasValue(values, fact);
    }
    case 'nin': {
      const values = new Set(value as unknown[]);
      return (fact) => !hasValue(values, fact);
    }
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte': {
      if (typeof value !== 'number') return (fact) => holds(fact, op, value);
      if (op === 'gt') return (fact) => typeof fact === 'number' && fact > value;
      if (op === 'gte') return (fact) => typeof fact === 'number' && fact >= value;
      if (op === 'lt') return (fact) => typeof fact === 'number' && fact < value;
      return (fact) => typeof fact === 'number' && fact <= value;
    }
  }
}

/** A set takes NaN for itself; a rule does not. */
function hasValue(values: ReadonlySet<unknown>, fact: unknown): boolean {
  return values.has(fact ?? null) && !Number.isNaN(fact);
}

function compileFact<R>({ root, segments }: Fact, readerFor: ReaderFor<R>): (facts: Facts<R>) => unknown {
  if (root === 'action') return (facts) => facts.action;
  // With `*` in a fact that is compared with, its first element is meant.
  if (segments.includes(EACH_ELEMENT)) {
    const readAll = compileFacts({ root, segments }, readerFor);
    return (facts) => readAll(facts)[0];
  }
  const read = readerFor(segments, root);
  if (root === 'order') return (facts) => read(facts.order);
  return (facts) => (facts.prior === undefined ? undefined : read(facts.prior));
}

/** Every value that a fact names: one, unless it has `*`. */
export function compileFacts<R>(
  { root, segments }: Fact,
  readerFor: ReaderFor<R>,
): (facts: Facts<R>) => unknown[] {
  const at = segments.indexOf(EACH_ELEMENT);
  if (root === 'action' || at === -1) {
    const read = compileFact({ root, segments }, readerFor);
    return (facts) => [read(facts)];
  }
  const readList = compileFact({ root, segments: segments.slice(0, at) }, readerFor);
  const readElements = compileElements(segments.slice(at + 1));
  return (facts) => readElements(readList(facts));
}

/** Whether a rule speaks of a transition. */
export function needsPrior({ when }: Rule): boolean {
  return when.some(
    (predicate) =>
      factOf(predicate.fact).root === 'prior' ||
      (!constantOf(predicate) && factOf((predicate.value as { $fact: string }).$fact).root === 'prior'),
  );
}

interface CompiledRule<R> {
  rule: Rule;
  needsPrior: boolean;
  tests: readonly Test<R>[];
}

/** Tells every rule that is violated, in their order. */
export type CheckRules<R> = (facts: Facts<R>, issues: IntegrationIssue[]) => void;

export function compileRules<R>(list: readonly Rule[], readerFor: ReaderFor<R>): CheckRules<R> {
  const rules = list.map((rule): CompiledRule<R> => ({
    rule,
    needsPrior: needsPrior(rule),
    tests: rule.when.map((predicate) => compilePredicate(predicate, readerFor)),
  }));
  return (facts, issues) => {
    const hasPrior = facts.prior !== undefined;
    for (let at = 0; at < rules.length; at += 1) {
      const compiled = rules[at]!;
      if (
        (hasPrior || !compiled.needsPrior) &&
        areTrue(compiled.tests, facts) &&
        issues.length < RECORD_LIMITS.issues
      ) {
        issues.push(issueOf(compiled.rule));
      }
    }
  };
}

function areTrue<R>(tests: readonly Test<R>[], facts: Facts<R>): boolean {
  for (let at = 0; at < tests.length; at += 1) if (!tests[at]!(facts)) return false;
  return true;
}

function issueOf({ id, field, message, severity }: Rule): IntegrationIssue {
  return { ruleId: id, field, message, kind: 'behavioral', severity: severity ?? 'error' };
}
