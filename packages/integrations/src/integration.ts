import {
  type CorpusCase,
  type Floor,
  type Inbound,
  type IntegrationIssue,
  type MappingObject,
  type Outbound,
  type RecordAction,
  type Rule,
  type ValidationInput,
} from '@pegasus-workflows/contracts';
import { excessOf } from './bounded.js';
import { compileFloor, type WholeFloor } from './floor.js';
import { invertMapping } from './inverse.js';
import {
  compileMapping,
  structural,
  type CompiledMapping,
  type LeafObserver,
  type Slots,
} from './mapping.js';
import { compileRules, fromRecords, needsPrior, type ReaderFor } from './predicates.js';
import { compileReader } from './values.js';

/**
 * Job: one version of an integration, compiled once: records in, verdicts and records out.
 *
 * Boundary: a configuration that `parse.ts` has accepted. Any value goes in as a record; what is no JSON, or beyond
 * `RECORD_LIMITS`, comes out as an issue `limit.record`. Pure.
 *
 * Invariants
 * 1. Total: every call answers, and none changes what it is given.
 * 2. `valid` is whether there is no issue of severity error.
 * 3. Rules are checked on the canonical record alone; it is the same record that `mapFrom` answers with.
 * 4. `validate` says what `mapFrom` says, issue by issue, for less: it fills only the fields that something asks about.
 */

/** A configuration that has been parsed. */
export interface IntegrationConfig {
  mapping: MappingObject;
  rules: readonly Rule[];
  corpus: readonly CorpusCase[];
  /** The floor with all that it extends. */
  floor: WholeFloor;
  /** The configuration's own part of it, if there is one. */
  ownFloor?: Floor | undefined;
  /** The way out, if it is not the inverse of `mapping`. */
  externalMapping?: MappingObject | undefined;
  /** JSON Schema of the source records. */
  externalShape?: unknown;
  inbound?: Inbound | undefined;
  outbound?: Outbound | undefined;
}

export interface Verdict {
  valid: boolean;
  issues: IntegrationIssue[];
}

export interface Integration {
  mapping: CompiledMapping;
  externalMapping: CompiledMapping;
  /** The floor's and the configuration's own, in the order in which they are checked. */
  rules: readonly Rule[];
  /** Whether some rule is about a transition. */
  needsPrior: boolean;
  /** Whether a record, with the one before it, keeps the floor and the rules. Both are as the source has them. */
  validate(input: ValidationInput): Verdict;
  /** The canonical record of a source record, and what {@link Integration.validate} says of it. */
  mapFrom(input: ValidationInput, observe?: LeafObserver): Verdict & { canonical: Record<string, unknown> };
  /** The source's form of a canonical record, and what floor and rules say of it. */
  mapTo(canonical: unknown, action?: RecordAction): Verdict & { external: Record<string, unknown> };
}

export function compileIntegration(config: Omit<IntegrationConfig, 'corpus' | 'externalShape'>): Integration {
  const mapping = compileMapping(config.mapping);
  const externalMapping = compileMapping(config.externalMapping ?? invertMapping(config.mapping).mapping);
  const rules = [...config.floor.rules, ...config.rules];
  const verdict = compileVerdict(mapping, config.floor, rules);
  const checkFloor = compileFloor<unknown>(config.floor, (segments) => compileReader(segments));
  const checkRules = compileRules(rules, fromRecords);

  return {
    mapping,
    externalMapping,
    rules,
    needsPrior: rules.some(needsPrior),
    validate(input) {
      const excess = excessOf(input.order) ?? excessOf(input.prior);
      return excess === undefined ? verdict(input) : tooMuch(excess);
    },
    mapFrom({ order, prior, action }, observe) {
      const excess = excessOf(order) ?? excessOf(prior);
      if (excess !== undefined) return { canonical: {}, ...tooMuch(excess) };
      const { record: canonical, issues } = mapping.apply(order, observe);
      checkFloor(canonical, issues);
      const before = isThere(prior) ? mapping.apply(prior).record : undefined;
      checkRules({ order: canonical, prior: before, action }, issues);
      return { canonical, valid: isValid(issues), issues };
    },
    mapTo(canonical, action) {
      const excess = excessOf(canonical);
      if (excess !== undefined) return { external: {}, ...tooMuch(excess) };
      const issues: IntegrationIssue[] = [];
      checkFloor(canonical, issues);
      checkRules({ order: canonical, action }, issues);
      const { record: external, issues: mapped } = externalMapping.apply(canonical);
      issues.push(...mapped);
      return { external, valid: isValid(issues), issues };
    },
  };
}

/** The verdict without the record: slots that nobody asks about are not filled, and no object is made. Invariant 4. */
function compileVerdict(
  mapping: CompiledMapping,
  floor: WholeFloor,
  rules: readonly Rule[],
): (input: ValidationInput) => Verdict {
  const wanted = { order: new Set(mapping.telling), prior: new Set<number>() };
  const readerFor: ReaderFor<Slots> = (segments, root) => {
    const { read, slots } = mapping.reader(segments);
    for (const slot of slots) wanted[root].add(slot);
    return read;
  };
  const checkFloor = compileFloor<Slots>(floor, (segments) => readerFor(segments, 'order'));
  const checkRules = compileRules(rules, readerFor);
  const asked = { order: ascending(wanted.order), prior: ascending(wanted.prior) };
  return ({ order, prior, action }) => {
    const issues: IntegrationIssue[] = [];
    const slots = mapping.fill(order, asked.order, issues);
    checkFloor(slots, issues);
    // What is wrong with the record before is not this one's.
    const before = isThere(prior) ? mapping.fill(prior, asked.prior, []) : undefined;
    checkRules({ order: slots, prior: before, action }, issues);
    return { valid: isValid(issues), issues };
  };
}

/** In the order of the mapping, which is the order of its issues. */
function ascending(slots: ReadonlySet<number>): number[] {
  return [...slots].sort((a, b) => a - b);
}

function isThere(prior: unknown): boolean {
  return prior !== undefined && prior !== null;
}

function isValid(issues: readonly IntegrationIssue[]): boolean {
  return !issues.some(({ severity }) => severity === 'error');
}

function tooMuch(excess: string): Verdict {
  return { valid: false, issues: [structural('limit.record', '', `the record ${excess}`)] };
}
