import {
  jsonPointer,
  parseRecordPath,
  type CorpusCase,
  type MappingDirective,
  type Predicate,
} from '@pegasus-workflows/contracts';
import { type Integration } from '../integration.js';
import { constantOf, factOf, holds } from '../predicates.js';
import { compileReader, isSame } from '../values.js';
import { differenceOf, runCase, type Difference, type Outcome } from './corpus.js';
import { type Change } from './report.js';

/**
 * The smallest change with which a failing case passes: of its record where one is found by trying, or of what it
 * expects, which always passes. Every answer has been run.
 */
export function smallestChange(
  integration: Integration,
  corpusCase: CorpusCase,
  at: number,
  outcome: Outcome,
  difference: Difference,
): Change[] {
  const expectation = changeExpectation(corpusCase, at, outcome);
  const record = changeRecord(integration, corpusCase, at, difference);
  return record && record.length <= expectation.length ? record : expectation;
}

function changeExpectation({ expected }: CorpusCase, at: number, outcome: Outcome): Change[] {
  const changes: Change[] = [];
  const set = (key: keyof CorpusCase['expected'], to: unknown): void => {
    if (isSame(expected[key], to)) return;
    changes.push({ where: jsonPointer(['corpus', at, 'expected', key]), from: expected[key], to });
  };
  if (expected.valid !== outcome.valid) set('valid', outcome.valid);
  if (!isSame([...new Set(expected.ruleIds)].sort(), outcome.ruleIds)) set('ruleIds', outcome.ruleIds);
  if (expected.canonical !== undefined) set('canonical', outcome.canonical);
  if (expected.external !== undefined) set('external', outcome.external);
  return changes;
}

/** Where a fact is in the input, and what a canonical value is there. */
interface Source {
  path: readonly string[];
  toSource(canonical: unknown): unknown;
}

function changeRecord(
  integration: Integration,
  corpusCase: CorpusCase,
  at: number,
  { extra, missing }: Difference,
): Change[] | undefined {
  if (extra.length + missing.length !== 1) return undefined;
  const [id] = [...extra, ...missing];
  const rule = integration.rules.find((one) => one.id === id);
  if (!rule) return undefined;
  const attempts =
    extra.length > 0
      ? rule.when.map((predicate) => [predicate])
      : [rule.when.filter((predicate) => !isTrue(integration, corpusCase, predicate))];
  for (const predicates of attempts) {
    const changes = tryChanges(integration, corpusCase, at, predicates, missing.length > 0);
    if (changes) return changes;
  }
  return undefined;
}

function isTrue(integration: Integration, { input }: CorpusCase, { fact, op, value }: Predicate): boolean {
  const { root, segments } = factOf(fact);
  if (root === 'action') return holds(input.action, op, value);
  const source = root === 'prior' ? input.prior : input.order;
  return holds(compileReader(segments)(integration.mapping.apply(source).record), op, value);
}

/** Makes each of the predicates true, or false, by one value each; `undefined` when that does not make the case pass. */
function tryChanges(
  integration: Integration,
  corpusCase: CorpusCase,
  at: number,
  predicates: readonly Predicate[],
  wanted: boolean,
): Change[] | undefined {
  const changes: Change[] = [];
  let input: unknown = corpusCase.input;
  for (const predicate of predicates) {
    const source = sourceOf(integration, predicate.fact);
    if (!source || !constantOf(predicate)) return undefined;
    const value = valuesNear(predicate).find((one) => holds(one, predicate.op, predicate.value) === wanted);
    if (value === undefined) return undefined;
    const from = compileReader(source.path)(input);
    const wantedThere = source.toSource(value);
    // A number that the source has as a text stays one.
    const to =
      typeof from === 'string' && typeof wantedThere === 'number' ? String(wantedThere) : wantedThere;
    changes.push({ where: jsonPointer(['corpus', at, 'input', ...source.path]), from, to });
    input = withValue(input, source.path, to);
  }
  const changed = { ...corpusCase, input: input as CorpusCase['input'] };
  const passes = predicates.length > 0 && differenceOf(changed, runCase(integration, changed)) === undefined;
  return passes ? changes : undefined;
}

function sourceOf({ mapping }: Integration, fact: string): Source | undefined {
  const { root, segments } = factOf(fact);
  if (root === 'action') return { path: ['action'], toSource: (value) => value };
  const leaf = mapping.leaves.find(({ field }) => isSame(field, segments));
  const [first] = leaf?.sources ?? [];
  if (!leaf || first === undefined || leaf.field.includes('*')) return undefined;
  return {
    path: [root, ...parseRecordPath(first)!.segments],
    toSource: (value) => back(leaf.directive, value),
  };
}

/** What has to stand in the source for a value to come out. */
function back(directive: MappingDirective | undefined, value: unknown): unknown {
  const entry = Object.entries(directive?.$map ?? {}).find(([, to]) => isSame(to, value));
  return entry ? entry[0] : value;
}

/** Values on either side of what a predicate asks for. */
function valuesNear({ value }: Predicate): unknown[] {
  if (Array.isArray(value)) return [...(value as unknown[]), null];
  if (typeof value === 'number') return [value, value + 1, value - 1, null];
  if (typeof value === 'boolean') return [value, !value];
  if (typeof value === 'string') return [value, `${value}-other`, ' ', null];
  return [null, 'something'];
}

/** A copy of some JSON with another value at one place; objects on the way there are made. */
function withValue(json: unknown, [segment, ...rest]: readonly string[], value: unknown): unknown {
  if (segment === undefined) return value;
  if (Array.isArray(json)) {
    return json.map((one: unknown, at) => (String(at) === segment ? withValue(one, rest, value) : one));
  }
  const object = typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : {};
  return { ...object, [segment]: withValue(object[segment], rest, value) };
}
