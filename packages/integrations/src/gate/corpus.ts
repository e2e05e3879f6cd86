import { type CorpusCase, type IntegrationIssue } from '@pegasus-workflows/contracts';
import { type Integration } from '../integration.js';
import { type LeafObserver } from '../mapping.js';
import { isSame, listed } from '../values.js';

/** What came of a case. */
export interface Outcome {
  valid: boolean;
  ruleIds: string[];
  canonical: Record<string, unknown>;
  external: Record<string, unknown>;
  issues: IntegrationIssue[];
}

export interface CaseObservers {
  mapping?: LeafObserver;
  externalMapping?: LeafObserver;
}

export function runCase(
  integration: Integration,
  { input }: Pick<CorpusCase, 'input'>,
  observers: CaseObservers = {},
): Outcome {
  const { valid, issues, canonical } = integration.mapFrom(input, observers.mapping);
  const { record: external } = integration.externalMapping.apply(canonical, observers.externalMapping);
  return {
    valid,
    issues,
    canonical,
    external,
    ruleIds: [...new Set(issues.map(({ ruleId }) => ruleId))].sort(),
  };
}

/** What sets an outcome apart from what was expected. */
export interface Difference {
  reason: 'structural' | 'behavioral';
  detail: string;
  expected: unknown;
  actual: unknown;
  /** Ids that should not be there, and ids that should. */
  extra: string[];
  missing: string[];
}

/** `undefined` when a case has come out as it should. */
export function differenceOf({ expected }: CorpusCase, outcome: Outcome): Difference | undefined {
  const extra = outcome.ruleIds.filter((id) => !expected.ruleIds.includes(id));
  const missing = [...new Set(expected.ruleIds)].filter((id) => !outcome.ruleIds.includes(id)).sort();
  if (extra.length > 0 || missing.length > 0 || expected.valid !== outcome.valid) {
    const isStructural = [...extra, ...missing].some((id) => /^(floor|mapping|limit)\./.test(id));
    return {
      reason: isStructural ? 'structural' : 'behavioral',
      detail: verdictDetail(expected, outcome, extra, missing),
      expected: { valid: expected.valid, ruleIds: [...expected.ruleIds].sort() },
      actual: { valid: outcome.valid, ruleIds: outcome.ruleIds },
      extra,
      missing,
    };
  }
  for (const record of ['canonical', 'external'] as const) {
    if (expected[record] === undefined || isSame(expected[record], outcome[record])) continue;
    const place = firstDifference(expected[record], outcome[record]);
    return {
      reason: 'structural',
      detail: `the ${record} record is another one${place === '' ? '' : `, first at ${place}`}`,
      expected: expected[record],
      actual: outcome[record],
      extra,
      missing,
    };
  }
  return undefined;
}

function verdictDetail(
  expected: CorpusCase['expected'],
  { issues, valid }: Outcome,
  extra: readonly string[],
  missing: readonly string[],
): string {
  const parts: string[] = [];
  if (extra.length > 0) {
    const said = extra.map((id) => {
      const issue = issues.find(({ ruleId }) => ruleId === id)!;
      return `"${id}" (${issue.field === '' ? '' : `${issue.field}: `}${issue.message})`;
    });
    parts.push(`not expected: ${said.join(', ')}`);
  }
  if (missing.length > 0) parts.push(`expected and not there: ${listed(missing)}`);
  if (parts.length === 0) {
    parts.push(
      `expected to be ${expected.valid ? 'valid' : 'invalid'}, and is ${valid ? 'valid' : 'invalid'}`,
    );
  }
  return parts.join('; ');
}

/** A dotted path to where two values first differ; empty when they differ as a whole. */
function firstDifference(a: unknown, b: unknown): string {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return '';
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  for (const key of keys) {
    const left = (a as Record<string, unknown>)[key];
    const right = (b as Record<string, unknown>)[key];
    if (isSame(left, right)) continue;
    const rest = firstDifference(left, right);
    return rest === '' ? key : `${key}.${rest}`;
  }
  return '';
}
