import { type IntegrationIssue, type ValidationInput } from '@pegasus-workflows/contracts';
import { type Integration } from './integration.js';
import { placeOf } from './mapping.js';
import { compileFacts, constantOf, factOf, fromRecords, holds, needsPrior } from './predicates.js';

/** Where one field of the canonical record has come from. */
export interface FieldOrigin {
  field: string;
  /** The path that gave the value; absent for a default. */
  from?: string;
  value: unknown;
}

/** What decided one rule. */
export interface RuleDecision {
  ruleId: string;
  violated: boolean;
  /** `no-prior`: it is about a transition, and there is no record before this one. */
  because: 'predicates' | 'no-prior';
  /** Each condition with what it was asked about; the first one that is false decides. */
  predicates: { fact: string; op: string; value: unknown; actual: unknown; holds: boolean }[];
}

export interface Explanation {
  valid: boolean;
  issues: IntegrationIssue[];
  canonical: Record<string, unknown>;
  fields: FieldOrigin[];
  rules: RuleDecision[];
}

/** Which path fed each field, and which condition decided each rule. */
export function explain(integration: Integration, input: ValidationInput): Explanation {
  const fields: FieldOrigin[] = [];
  const { canonical, valid, issues } = integration.mapFrom(input, (leaf, source, value, indices) => {
    // What $each makes is told by its leaves.
    if (leaf.directive?.$each && source >= 0) return;
    const from = leaf.sources[source];
    fields.push({ field: placeOf(leaf.field, indices), ...(from === undefined ? {} : { from }), value });
  });
  const hasPrior = input.prior !== undefined && input.prior !== null;
  const prior = hasPrior ? integration.mapping.apply(input.prior).record : undefined;
  const facts = { order: canonical, prior, action: input.action };
  const rules = integration.rules.map((rule): RuleDecision => {
    const predicates = rule.when.map((predicate) => {
      const { fact, op, value } = predicate;
      const found = compileFacts(factOf(fact), fromRecords)(facts);
      const many = fact.includes('*');
      const wanted = constantOf(predicate)
        ? value
        : compileFacts(factOf((value as { $fact: string }).$fact), fromRecords)(facts)[0];
      const asked = many ? found : [found[0]];
      return {
        fact,
        op,
        value: wanted ?? null,
        actual: (many ? found : found[0]) ?? null,
        holds: asked.some((one) => holds(one, op, wanted)),
      };
    });
    if (needsPrior(rule) && !hasPrior)
      return { ruleId: rule.id, violated: false, because: 'no-prior', predicates };
    return {
      ruleId: rule.id,
      violated: predicates.every((one) => one.holds),
      because: 'predicates',
      predicates,
    };
  });
  return { valid, issues, canonical, fields, rules };
}
