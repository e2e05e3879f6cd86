import {
  corpusCaseSchema,
  describeIssue,
  floorSchema,
  inboundSchema,
  jsonPointer,
  mappingDirectiveSchema,
  mappingFieldNameSchema,
  MAPPING_LIMITS,
  outboundSchema,
  RULE_LIMITS,
  ruleSchema,
  sourcePathSchema,
  type CorpusCase,
  type Floor,
  type MappingObject,
  type Rule,
} from '@pegasus-workflows/contracts';
import { type z } from 'zod';
import { excessOf, RECORD_LIMITS } from './bounded.js';
import { extendFloor, NO_FLOOR, type WholeFloor } from './floor.js';
import { BASE_FLOORS } from './floors.js';
import { type IntegrationConfig } from './integration.js';

/**
 * Job: a configuration out of any JSON, or every reason why it is none, each with the place where it is.
 *
 * Boundary: values as they came; JSON text is parsed by whoever calls. Pure, and total: also for what is no JSON.
 */

/** What is wrong with a configuration. `where` is a JSON pointer into it. */
export interface Problem {
  stage: 'schema' | 'static' | 'coverage';
  where: string;
  problem: string;
}

/** The parts of a configuration as they came. */
export interface RawConfig {
  mapping?: unknown;
  rules?: unknown;
  corpus?: unknown;
  floor?: unknown;
  externalMapping?: unknown;
  externalShape?: unknown;
  inbound?: unknown;
  outbound?: unknown;
}

/** Problems that are told; a file that is something else altogether has one at every place. */
const PROBLEMS_TOLD = 200;

export type Parsed =
  { config: IntegrationConfig; problems: [] } | { config?: undefined; problems: Problem[] };

/** `base`: the floor of the configuration that this one is laid over, which its own extends in any case. */
export function parseConfig(raw: RawConfig, base: WholeFloor = NO_FLOOR): Parsed {
  const report = new Report();
  const mapping = parseMapping(raw.mapping, ['mapping'], report);
  const rules = parseRules(raw.rules, ['rules'], report);
  const corpus = parseCorpus(raw.corpus, report);
  const floor = parseFloor(raw.floor, base, report);
  const externalMapping =
    raw.externalMapping === undefined
      ? undefined
      : parseMapping(raw.externalMapping, ['externalMapping'], report);
  checkShape(raw.externalShape, report);
  const inbound =
    raw.inbound === undefined ? undefined : checkSchema(inboundSchema, raw.inbound, ['inbound'], report);
  const outbound =
    raw.outbound === undefined ? undefined : checkSchema(outboundSchema, raw.outbound, ['outbound'], report);
  refuseTwice(rules, [...(floor?.whole.rules ?? [])], report);
  if (report.problems.length > 0 || !mapping || !rules || !corpus || !floor)
    return { problems: report.told() };
  return {
    config: {
      mapping,
      rules,
      corpus,
      floor: floor.whole,
      ownFloor: floor.own,
      ...(externalMapping ? { externalMapping } : {}),
      ...(inbound ? { inbound } : {}),
      ...(outbound ? { outbound } : {}),
      ...(raw.externalShape === undefined ? {} : { externalShape: raw.externalShape }),
    },
    problems: [],
  };
}

type Pointer = readonly (string | number)[];

class Report {
  readonly problems: Problem[] = [];

  add(at: Pointer, problem: string): undefined {
    this.problems.push({ stage: 'schema', where: jsonPointer(at), problem });
    return undefined;
  }

  /** What a schema says, each at its place. */
  addIssues(at: Pointer, issues: readonly z.core.$ZodIssue[]): undefined {
    for (const issue of issues) this.add([...at, ...issue.path.map(String)], describeIssue(issue));
    return undefined;
  }

  told(): Problem[] {
    const more = this.problems.length - PROBLEMS_TOLD;
    if (more <= 0) return this.problems;
    const last: Problem = { stage: 'schema', where: '', problem: `and ${more} more problems` };
    return [...this.problems.slice(0, PROBLEMS_TOLD), last];
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseMapping(value: unknown, at: Pointer, report: Report): MappingObject | undefined {
  if (value === undefined) return report.add(at, 'is required');
  const excess = excessOf(value, { depth: MAPPING_LIMITS.depth, values: MAPPING_LIMITS.nodes });
  if (excess) return report.add(at, excess);
  const before = report.problems.length;
  checkMapping(value, at, report);
  return report.problems.length === before ? (value as MappingObject) : undefined;
}

/** An object of places. By its shape each place is one of three, so that what is wrong with it can be told. */
function checkMapping(value: unknown, at: Pointer, report: Report): void {
  if (!isObject(value)) return report.add(at, 'must be an object in the shape of the record that is made');
  for (const [name, node] of Object.entries(value)) {
    const here = [...at, name];
    const named = mappingFieldNameSchema.safeParse(name);
    if (!named.success) report.add(here, `a field's name ${describeIssue(named.error.issues[0]!)}`);
    else if (typeof node === 'string') checkSchema(sourcePathSchema, node, here, report);
    else if (!isObject(node))
      report.add(here, 'must be a path, a directive with $from, or an object of those');
    else if (Object.hasOwn(node, '$from')) checkDirective(node, here, report);
    else checkMapping(node, here, report);
  }
}

function checkDirective(node: Record<string, unknown>, at: Pointer, report: Report): void {
  const directive = checkSchema(mappingDirectiveSchema, node, at, report);
  if (!directive) return;
  const { $from, $each, $map, coerce } = directive;
  if (Array.isArray($from) && $from.length === 0 && directive.default === undefined)
    report.add([...at, '$from'], 'must name a path, or have a default beside it, which is a constant then');
  if (!$each) return;
  if ($map)
    report.add([...at, '$map'], 'must be left out beside $each: the elements have tables of their own');
  if (coerce) report.add([...at, 'coerce'], 'must be left out beside $each: a list has no other type');
  checkMapping($each, [...at, '$each'], report);
}

function checkSchema<T extends z.ZodType>(
  schema: T,
  value: unknown,
  at: Pointer,
  report: Report,
): z.output<T> | undefined {
  const parsed = schema.safeParse(value);
  return parsed.success ? parsed.data : report.addIssues(at, parsed.error.issues);
}

function parseList<T extends z.ZodType>(
  schema: T,
  value: unknown,
  { at, max, nameOf }: { at: Pointer; max: number; nameOf: keyof z.output<T> & string },
  report: Report,
): z.output<T>[] | undefined {
  if (value === undefined) return report.add(at, 'is required');
  if (!Array.isArray(value)) return report.add(at, 'must be a list');
  if (value.length > max) return report.add(at, `must be at most ${max}`);
  const before = report.problems.length;
  const places = new Map<unknown, number>();
  const parsed = value.map((one: unknown, index) => {
    const here = [...at, index];
    const excess = excessOf(one);
    if (excess) return report.add(here, excess);
    const item = checkSchema(schema, one, here, report);
    const name = item?.[nameOf];
    if (name !== undefined && places.has(name))
      report.add(
        [...here, nameOf],
        `"${String(name)}" is the ${nameOf} of ${jsonPointer([...at, places.get(name)!])} too`,
      );
    else places.set(name, index);
    return item;
  });
  return report.problems.length === before ? (parsed as z.output<T>[]) : undefined;
}

function parseRules(value: unknown, at: Pointer, report: Report): Rule[] | undefined {
  return parseList(ruleSchema, value, { at, max: RULE_LIMITS.rules, nameOf: 'id' }, report);
}

function parseCorpus(value: unknown, report: Report): CorpusCase[] | undefined {
  const at = ['corpus'];
  return parseList(corpusCaseSchema, value, { at, max: RULE_LIMITS.corpus, nameOf: 'name' }, report);
}

function parseFloor(
  value: unknown,
  base: WholeFloor,
  report: Report,
): { whole: WholeFloor; own: Floor | undefined } | undefined {
  if (value === undefined) return { whole: base, own: undefined };
  const at = ['floor'];
  const excess = excessOf(value);
  if (excess) return report.add(at, excess);
  const floor = checkSchema(floorSchema, value, at, report);
  if (!floor) return undefined;
  const named = floor.extends === undefined ? undefined : BASE_FLOORS.get(floor.extends)?.floor;
  if (floor.extends !== undefined && !named) {
    const known = [...BASE_FLOORS.keys()].join(' or ');
    return report.add([...at, 'extends'], `must be ${known}: there is no floor "${floor.extends}"`);
  }
  const rules = named?.rules.filter(({ id }) => !base.rules.some((rule) => rule.id === id)) ?? [];
  const below = named ? extendFloor(base, { ...named, rules }).whole : base;
  const { whole, problems } = extendFloor(below, floor);
  for (const { pointer, problem } of problems) {
    report.problems.push({ stage: 'schema', where: `/floor${pointer}`, problem });
  }
  return { whole, own: floor };
}

/** A rule of the floor cannot be said again, nor can another one have its id. */
function refuseTwice(rules: readonly Rule[] | undefined, floorRules: readonly Rule[], report: Report): void {
  const taken = new Set(floorRules.map(({ id }) => id));
  rules?.forEach(({ id }, index) => {
    if (taken.has(id))
      report.add(['rules', index, 'id'], `"${id}" is a rule of the floor; it cannot be replaced`);
  });
}

function checkShape(shape: unknown, report: Report): void {
  if (shape === undefined) return;
  if (!isObject(shape)) return report.add(['externalShape'], 'must be a JSON Schema, which is an object');
  const excess = excessOf(shape, { depth: RECORD_LIMITS.depth, values: MAPPING_LIMITS.nodes * 4 });
  if (excess) report.add(['externalShape'], excess);
}
