import { jsonPointer } from '@pegasus-workflows/contracts';
import { type WholeFloor } from '../floor.js';
import { compileIntegration, type Integration, type IntegrationConfig } from '../integration.js';
import { type CompiledMapping, type LeafObserver } from '../mapping.js';
import { parseConfig, type Problem, type RawConfig } from '../parse.js';
import { differenceOf, runCase } from './corpus.js';
import { FAILURES_TOLD, type CaseFailure, type GateReport } from './report.js';
import { checkStatically } from './static.js';
import { smallestChange } from './suggest.js';

/**
 * Job: whether a configuration may be published: its form, what can be said of it without running it, and every example
 * of its corpus.
 *
 * Boundary: any JSON in; a report out. Pure; what stores a version asks it, and nothing else decides.
 *
 * Invariants
 * 1. It never fails open: `ok` only when every stage was gone through and has found nothing.
 * 2. A later stage is not begun on what an earlier one has refused.
 * 3. Every case is run, whatever the ones before have come to.
 */

/** How far the corpus has been run. */
export interface GateProgress {
  done: number;
  total: number;
}

/** Cases between two reports of progress. */
const CHUNK = 250;

/** The gate, all at once. */
export function runGate(raw: RawConfig, base?: WholeFloor): GateReport {
  const steps = gateSteps(raw, base);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** The gate in steps of some milliseconds, for whoever has other work between them or shows how far it is. */
export function* gateSteps(raw: RawConfig, base?: WholeFloor): Generator<GateProgress, GateReport> {
  const { config, problems } = parseConfig(raw, base);
  const total = Array.isArray(raw.corpus) ? raw.corpus.length : 0;
  if (!config) return { ok: false, problems, corpus: { total, passed: 0, failures: [] } };
  const found = checkStatically(config);
  const integration = compileIntegration(config);
  const coverage = new Coverage(config, integration);
  const failures: CaseFailure[] = [];
  let passed = 0;
  for (let at = 0; at < config.corpus.length; at += 1) {
    if (at % CHUNK === 0) yield { done: at, total };
    const failure = runOne(config, integration, at, coverage);
    if (!failure) passed += 1;
    else if (failures.length < FAILURES_TOLD) failures.push(failure);
  }
  found.push(...coverage.problems());
  return {
    ok: found.length === 0 && passed === total,
    problems: found,
    corpus: { total, passed, failures },
  };
}

function runOne(
  { corpus }: IntegrationConfig,
  integration: Integration,
  at: number,
  coverage: Coverage,
): CaseFailure | undefined {
  const corpusCase = corpus[at]!;
  const outcome = runCase(integration, corpusCase, coverage.observers);
  coverage.note(outcome.ruleIds, corpusCase.expected.ruleIds);
  const difference = differenceOf(corpusCase, outcome);
  if (!difference) return undefined;
  const { reason, detail, expected, actual } = difference;
  const change = smallestChange(integration, corpusCase, at, outcome, difference);
  return { name: corpusCase.name, reason, detail, expected, actual, change };
}

/** What the corpus has touched: every leaf has to give a value once, every rule to be broken once as expected. */
class Coverage {
  readonly observers: { mapping: LeafObserver; externalMapping?: LeafObserver };
  readonly #config: IntegrationConfig;
  readonly #integration: Integration;
  readonly #broken = new Set<string>();
  readonly #fired = { mapping: new Set<number>(), externalMapping: new Set<number>() };

  constructor(config: IntegrationConfig, integration: Integration) {
    this.#config = config;
    this.#integration = integration;
    this.observers = {
      mapping: (leaf) => this.#fired.mapping.add(leaf.index),
      ...(config.externalMapping
        ? { externalMapping: (leaf: { index: number }) => this.#fired.externalMapping.add(leaf.index) }
        : {}),
    };
  }

  note(ruleIds: readonly string[], expected: readonly string[]): void {
    for (const id of ruleIds) if (expected.includes(id)) this.#broken.add(id);
  }

  problems(): Problem[] {
    const { config, integration } = { config: this.#config, integration: this.#integration };
    const ownRules = [
      ...(config.ownFloor?.rules ?? []).map((rule, at) => ({ rule, where: ['floor', 'rules', at] })),
      ...config.rules.map((rule, at) => ({ rule, where: ['rules', at] })),
    ];
    const uncovered = ownRules
      .filter(({ rule }) => !this.#broken.has(rule.id))
      .map(({ rule, where }) =>
        problemAt(where, `no case of the corpus expects "${rule.id}": add a record that violates it`),
      );
    const back = config.externalMapping ? this.#silent('externalMapping', integration.externalMapping) : [];
    return [...uncovered, ...this.#silent('mapping', integration.mapping), ...back];
  }

  #silent(part: 'mapping' | 'externalMapping', { leaves }: CompiledMapping): Problem[] {
    return leaves
      .filter(({ index }) => !this.#fired[part].has(index))
      .map(({ pointer, sources }) =>
        problemAt(
          [part, ...pointer],
          `gives no value in any case of the corpus: add a record that has ${sources.join(' or ') || 'it'}, or leave it out`,
        ),
      );
  }
}

function problemAt(where: readonly (string | number)[], problem: string): Problem {
  return { stage: 'coverage', where: jsonPointer(where), problem };
}
