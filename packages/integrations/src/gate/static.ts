import {
  canonicalPathSchema,
  EACH_ELEMENT,
  fillPath,
  formatRecordPath,
  jsonPointer,
  parseRecordPath,
  type MappingDirective,
  type MappingNode,
  type MappingObject,
  type Rule,
} from '@pegasus-workflows/contracts';
import { nearest } from '@pegasus-workflows/contracts/nearest';
import { type IntegrationConfig } from '../integration.js';
import { contradictionIn } from '../logic.js';
import { isDirective } from '../mapping.js';
import { type Problem } from '../parse.js';
import { constantOf, factOf } from '../predicates.js';
import { unknownIn } from '../shape.js';

/** What can be said of a configuration without running it. */
export function checkStatically(config: IntegrationConfig): Problem[] {
  const problems: Problem[] = [];
  const tell = (where: readonly (string | number)[], problem: string): void => {
    problems.push({ stage: 'static', where: jsonPointer(where), problem });
  };
  const made = fieldsMadeBy(config.mapping);
  if (config.externalShape !== undefined) checkSources(config.mapping, config.externalShape, tell);
  if (config.externalMapping) checkBack(config.externalMapping, made, tell);
  checkRequired(config, made, tell);
  checkInbound(config, made, tell);
  checkOutbound(config, made, tell);
  const ownRules: [Rule, readonly (string | number)[]][] = [
    ...(config.ownFloor?.rules ?? []).map((rule, at): [Rule, (string | number)[]] => [
      rule,
      ['floor', 'rules', at],
    ]),
    ...config.rules.map((rule, at): [Rule, (string | number)[]] => [rule, ['rules', at]]),
  ];
  checkRules(ownRules, config, made, tell);
  return problems;
}

type Tell = (where: readonly (string | number)[], problem: string) => void;

/** One leaf, with everything that the `$each` around it says. */
interface Placed {
  pointer: readonly string[];
  /** In the record that is made. */
  field: readonly string[];
  /** In the source, from its root. */
  sources: readonly { at: number; path: readonly string[] }[];
  directive: MappingDirective;
}

function placesOf(mapping: MappingObject): Placed[] {
  const places: Placed[] = [];
  const walk = (
    object: MappingObject,
    pointer: readonly string[],
    field: readonly string[],
    base: readonly string[],
  ) => {
    for (const [name, node] of Object.entries(object)) {
      visit(node, [...pointer, name], [...field, name], base);
    }
  };
  const visit = (
    node: MappingNode,
    pointer: readonly string[],
    field: readonly string[],
    base: readonly string[],
  ) => {
    if (typeof node !== 'string' && !isDirective(node)) return walk(node, pointer, field, base);
    const directive: MappingDirective = typeof node === 'string' ? { $from: node } : node;
    const written = typeof directive.$from === 'string' ? [directive.$from] : directive.$from;
    const sources = written.map((text, at) => {
      const { fromRoot, segments } = parseRecordPath(text)!;
      return { at, path: fromRoot ? segments : [...base, ...segments] };
    });
    places.push({ pointer, field, sources, directive });
    if (!directive.$each) return;
    // The elements of whichever list is there: one that each path could lead to.
    for (const { path } of sources) {
      walk(directive.$each, [...pointer, '$each'], [...field, EACH_ELEMENT], [...path, EACH_ELEMENT]);
    }
  };
  walk(mapping, [], [], []);
  return places;
}

/** Source paths that the external shape does not know. */
function checkSources(mapping: MappingObject, shape: unknown, tell: Tell): void {
  const told = new Set<string>();
  for (const { pointer, sources, directive } of placesOf(mapping)) {
    for (const { at, path } of sources) {
      const unknown = unknownIn(shape, path);
      const where = ['mapping', ...pointer, ...pathPointer(directive, at)];
      if (!unknown || told.has(jsonPointer(where))) continue;
      told.add(jsonPointer(where));
      tell(
        where,
        notThere(`"${formatRecordPath(path)}"`, 'externalShape', path, unknown.known, unknown.names),
      );
    }
  }
}

function pathPointer({ $from }: MappingDirective, at: number): (string | number)[] {
  return typeof $from === 'string' ? [] : ['$from', at];
}

function notThere(
  what: string,
  where: string,
  path: readonly string[],
  known: number,
  names: readonly string[],
): string {
  const near = nearest(path[known]!, names);
  const instead =
    near === undefined ? '' : `; did you mean "${formatRecordPath([...path.slice(0, known), near])}"?`;
  return `${what} is not in ${where}${instead}`;
}

/** The fields that a mapping makes, as a tree; `open` where a whole value of the source is taken over. */
interface Made {
  open: boolean;
  children: Map<string, Made>;
}

function fieldsMadeBy(mapping: MappingObject): Made {
  const root: Made = { open: false, children: new Map() };
  for (const { field, directive } of placesOf(mapping)) {
    let made = root;
    for (const name of field) {
      let child = made.children.get(name);
      if (!child) made.children.set(name, (child = { open: false, children: new Map() }));
      made = child;
    }
    if (!directive.$each && !directive.$map && (directive.coerce ?? 'identity') === 'identity')
      made.open = true;
    if (directive.$each) made.children.set('length', { open: false, children: new Map() });
  }
  return root;
}

/** How far a canonical path leads, when it leads to nothing that the mapping makes. */
function unmade(made: Made, segments: readonly string[]): { known: number; names: string[] } | undefined {
  let at = made;
  for (let known = 0; known < segments.length; known += 1) {
    if (at.open) return undefined;
    const segment = segments[known]!;
    const child =
      at.children.get(segment) ?? (/^\d+$/.test(segment) ? at.children.get(EACH_ELEMENT) : undefined);
    if (!child) return { known, names: [...at.children.keys()] };
    at = child;
  }
  return undefined;
}

/** Paths of the way back that no canonical record has. */
function checkBack(mapping: MappingObject, made: Made, tell: Tell): void {
  for (const { pointer, sources, directive } of placesOf(mapping)) {
    for (const { at, path } of sources) {
      const missing = unmade(made, path);
      if (!missing) continue;
      tell(
        ['externalMapping', ...pointer, ...pathPointer(directive, at)],
        notThere(
          `"${formatRecordPath(path)}"`,
          'the record that the mapping makes',
          path,
          missing.known,
          missing.names,
        ),
      );
    }
  }
}

/** Fields that the floor requires of every record and the mapping never makes. */
function checkRequired({ floor }: IntegrationConfig, made: Made, tell: Tell): void {
  for (const [path, field] of floor.fields) {
    const { segments } = parseRecordPath(path)!;
    if (field.required && unmade(made, segments)) {
      tell(['mapping'], `makes no field "${path}", which the floor requires`);
    }
  }
}

/** The fields that name a record and its change have to be ones that the mapping makes, each one alone. */
function checkInbound({ inbound }: IntegrationConfig, made: Made, tell: Tell): void {
  for (const name of ['key', 'sequence'] as const) {
    const path = inbound?.[name];
    if (path !== undefined) checkOneField(path, ['inbound', name], made, tell);
  }
}

/** So have those that its deliveries go by. */
function checkOutbound({ outbound }: IntegrationConfig, made: Made, tell: Tell): void {
  if (!outbound) return;
  for (const path of fieldsOfPath(outbound.path)) {
    if (canonicalPathSchema.safeParse(path).success) checkOneField(path, ['outbound', 'path'], made, tell);
    else tell(['outbound', 'path'], `{{${path}}} names no field`);
  }
  outbound.once?.forEach((path, at) => checkOneField(path, ['outbound', 'once', at], made, tell));
}

function fieldsOfPath(path: string): string[] {
  const fields: string[] = [];
  fillPath(path, (field) => {
    fields.push(field);
    return '';
  });
  return fields;
}

function checkOneField(path: string, at: readonly (string | number)[], made: Made, tell: Tell): void {
  const { segments } = parseRecordPath(path)!;
  if (segments.includes(EACH_ELEMENT)) tell(at, 'must name one field, not every element of a list');
  else checkFact(path, at, made, tell);
}

function checkRules(
  rules: readonly [Rule, readonly (string | number)[]][],
  { floor }: IntegrationConfig,
  made: Made,
  tell: Tell,
): void {
  const same = new Map<string, string>();
  for (const [rule, at] of rules) {
    rule.when.forEach((predicate, index) => {
      checkFact(predicate.fact, [...at, 'when', index, 'fact'], made, tell);
      const other = constantOf(predicate) ? undefined : (predicate.value as { $fact: string }).$fact;
      if (other !== undefined) checkFact(other, [...at, 'when', index, 'value', '$fact'], made, tell);
    });
    const impossible = contradictionIn(rule.when, floor.fields);
    if (impossible) tell([...at, 'when'], `can never be true: ${impossible}`);
    const condition = JSON.stringify([...rule.when].map((one) => JSON.stringify(one)).sort());
    const twin = same.get(condition);
    if (twin === undefined) same.set(condition, rule.id);
    else tell([...at, 'when'], `is the condition of the rule "${twin}" too; leave one out`);
  }
}

function checkFact(text: string, at: readonly (string | number)[], made: Made, tell: Tell): void {
  const { root, segments } = factOf(text);
  if (root === 'action') return;
  const missing = unmade(made, segments);
  if (!missing) return;
  tell(
    at,
    notThere(`"${text}"`, 'the record that the mapping makes', segments, missing.known, missing.names),
  );
}
