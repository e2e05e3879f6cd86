import {
  parseRecordPath,
  type Coercion,
  type IntegrationIssue,
  type MappingDirective,
  type MappingNode,
  type MappingObject,
} from '@pegasus-workflows/contracts';
import { RECORD_LIMITS } from './bounded.js';
import { compileReader, shown, type Reader } from './values.js';

/**
 * Job: makes one record out of another, as a mapping says.
 *
 * Boundary: a mapping that `parse.ts` has accepted, and a record within {@link RECORD_LIMITS}; pure.
 *
 * Invariants
 * 1. Total: any such record gives a record and a list of issues, and never an exception.
 * 2. The source is never changed. Objects and lists that a path names whole are shared with it, not copied.
 * 3. A place that has no value is left out, and so is an object in which no place has one; an element of a list keeps its
 *    place, so that `lines.3` is the source's fourth line.
 * 4. The work is bounded by {@link RECORD_LIMITS}, whatever `$each` within `$each` multiplies.
 */

/** One leaf of a mapping: where it stands, and where its value may come from. */
export interface Leaf {
  /** Its number, from 0, in the order of the mapping. */
  index: number;
  /** In the mapping: segments of a JSON pointer. */
  pointer: readonly string[];
  /** In the record that is made; `*` for the elements of lists. */
  field: readonly string[];
  sources: readonly string[];
  /** `undefined` for a leaf that is a path alone. */
  directive: MappingDirective | undefined;
}

/** What one leaf did: for coverage and for `explain`. `source` is -1 for a default. */
export type LeafObserver = (leaf: Leaf, source: number, value: unknown, indices: readonly number[]) => void;

/** One mapping of one record. */
interface MappingRun {
  root: unknown;
  issues: IntegrationIssue[];
  steps: number;
  /** Where in the lists around the current place. */
  indices: number[];
  observe: LeafObserver | undefined;
}

type Fill = (source: unknown, run: MappingRun) => unknown;

/** The values of a mapping's slots, which are its leaves outside of lists; those that were not asked for are absent. */
export type Slots = readonly unknown[];

/** Reads a place of the record that a mapping makes, without making it. */
export type SlotReader = (slots: Slots) => unknown;

/** Which slots are wanted. */
export type SlotSet = readonly number[];

export interface CompiledMapping {
  leaves: readonly Leaf[];
  /** Makes the record. */
  apply(
    source: unknown,
    observe?: LeafObserver,
  ): { record: Record<string, unknown>; issues: IntegrationIssue[] };
  /** Fills slots alone: of what is asked about a record, most needs few of its fields. Issues are told to `issues`. */
  fill(source: unknown, wanted: SlotSet, issues: IntegrationIssue[]): Slots;
  /** How to read a canonical path from slots, and which ones that needs. */
  reader(segments: readonly string[]): { read: SlotReader; slots: SlotSet };
  /** Slots that may tell an issue: they are filled whoever asks. */
  telling: SlotSet;
}

export function compileMapping(mapping: MappingObject): CompiledMapping {
  const leaves: Leaf[] = [];
  const slots: Slot[] = [];
  const tree = compileTree(mapping, { leaves, pointer: [], field: [] }, slots);
  const all = slots.map((_, at) => at);
  const fill = (
    source: unknown,
    wanted: SlotSet,
    issues: IntegrationIssue[],
    observe?: LeafObserver,
  ): Slots => {
    const run: MappingRun = { root: source, issues, steps: RECORD_LIMITS.steps, indices: [], observe };
    const filled = new Array<unknown>(slots.length);
    for (let at = 0; at < wanted.length; at += 1) {
      const slot = wanted[at]!;
      filled[slot] = slots[slot]!.fill(source, run);
    }
    if (run.steps < 0) {
      issues.push(structural('limit.steps', '', `the record fills more than ${RECORD_LIMITS.steps} fields`));
    }
    return filled;
  };
  return {
    leaves,
    apply(source, observe) {
      const issues: IntegrationIssue[] = [];
      const filled = fill(source, all, issues, observe);
      return { record: assemble(tree, filled) ?? {}, issues };
    },
    fill,
    reader: (segments) => readerOf(tree, segments),
    telling: all.filter((at) => slots[at]!.tells),
  };
}

/** A leaf outside of lists. */
interface Slot {
  fill: Fill;
  tells: boolean;
}

/** An object of the record that is made: its fields, each a slot or an object in turn. */
interface Tree {
  names: readonly string[];
  places: readonly (number | Tree)[];
}

function compileTree(mapping: MappingObject, place: Place, slots: Slot[]): Tree {
  const names = Object.keys(mapping);
  const places = names.map((name): number | Tree => {
    const node = mapping[name]!;
    const inner: Place = {
      leaves: place.leaves,
      pointer: [...place.pointer, name],
      field: [...place.field, name],
    };
    if (typeof node !== 'string' && !isDirective(node)) return compileTree(node, inner, slots);
    const at = slots.length;
    const slot: Slot = { fill: () => undefined, tells: tellsIssues(node) };
    slots.push(slot);
    slot.fill = compileNode(node, inner);
    return at;
  });
  return { names, places };
}

function tellsIssues(node: string | MappingDirective): boolean {
  if (typeof node === 'string') return false;
  const { $map, $each, coerce } = node;
  return $map !== undefined || $each !== undefined || coerce === 'toNumber' || coerce === 'toString';
}

/** Invariant 3. */
function assemble({ names, places }: Tree, slots: Slots): Record<string, unknown> | undefined {
  let made: Record<string, unknown> | undefined;
  for (let at = 0; at < places.length; at += 1) {
    const place = places[at]!;
    const value = typeof place === 'number' ? slots[place] : assemble(place, slots);
    if (value !== undefined) (made ??= {})[names[at]!] = value;
  }
  return made;
}

function readerOf(tree: Tree, segments: readonly string[]): { read: SlotReader; slots: SlotSet } {
  let place: Tree = tree;
  for (let depth = 0; depth < segments.length; depth += 1) {
    const next = place.places[place.names.indexOf(segments[depth]!)];
    if (next === undefined) return { read: () => undefined, slots: [] };
    if (typeof next === 'number') {
      const rest = segments.slice(depth + 1);
      const inner = compileReader(rest);
      return {
        read: rest.length === 0 ? (slots) => slots[next] : (slots) => inner(slots[next]),
        slots: [next],
      };
    }
    place = next;
  }
  return { read: (slots) => assemble(place, slots), slots: slotsOf(place) };
}

function slotsOf({ places }: Tree): number[] {
  return places.flatMap((place) => (typeof place === 'number' ? [place] : slotsOf(place)));
}

interface Place {
  leaves: Leaf[];
  pointer: readonly string[];
  field: readonly string[];
}

function compileNode(node: MappingNode, place: Place): Fill {
  if (typeof node === 'string') return compileLeaf({ $from: node }, undefined, place);
  return isDirective(node) ? compileLeaf(node, node, place) : compileObject(node, place);
}

export function isDirective(node: MappingDirective | MappingObject): node is MappingDirective {
  return Object.hasOwn(node, '$from');
}

function compileObject(mapping: MappingObject, place: Place): Fill {
  const names = Object.keys(mapping);
  const fills = names.map((name) =>
    compileNode(mapping[name]!, {
      leaves: place.leaves,
      pointer: [...place.pointer, name],
      field: [...place.field, name],
    }),
  );
  return (source, run) => {
    let made: Record<string, unknown> | undefined;
    for (let at = 0; at < fills.length; at += 1) {
      const value = fills[at]!(source, run);
      if (value !== undefined) (made ??= {})[names[at]!] = value;
    }
    return made;
  };
}

function compileLeaf(
  { $from, default: fallback, $map, coerce, $each }: MappingDirective,
  directive: MappingDirective | undefined,
  place: Place,
): Fill {
  const sources = typeof $from === 'string' ? [$from] : $from;
  const leaf: Leaf = {
    index: place.leaves.length,
    pointer: place.pointer,
    field: place.field,
    sources,
    directive,
  };
  place.leaves.push(leaf);
  const readers = sources.map(compileSource);
  const hasDefault = fallback !== undefined;
  // Of several paths a null is passed over; of one it is the value, unless there is a default.
  const takesNull = sources.length === 1 && !hasDefault;
  const transform = $each
    ? compileEach($each, leaf, place)
    : compileTransform(leaf, $map, coerce, hasDefault);
  return (source, run) => {
    run.steps -= 1;
    if (run.steps < 0) return undefined;
    let value: unknown;
    let at = 0;
    for (; at < readers.length; at += 1) {
      value = readers[at]!(source, run.root);
      if (value !== undefined && (takesNull || value !== null)) break;
    }
    if (at === readers.length) value = undefined;
    else if (transform) value = transform(value, run);
    if (value === undefined && hasDefault) {
      at = -1;
      value = fallback;
    }
    if (run.observe && value !== undefined) run.observe(leaf, at, value, run.indices);
    return value;
  };
}

function compileSource(text: string): (source: unknown, root: unknown) => unknown {
  // Accepted by the schema: what cannot be read cannot come here.
  const { fromRoot, segments } = parseRecordPath(text)!;
  const read: Reader = compileReader(segments);
  return fromRoot ? (_, root) => read(root) : read;
}

type Transform = (value: unknown, run: MappingRun) => unknown;

function compileEach(mapping: MappingObject, leaf: Leaf, place: Place): Transform {
  const fill = compileObject(mapping, {
    leaves: place.leaves,
    pointer: [...place.pointer, '$each'],
    field: [...place.field, '*'],
  });
  return (value, run) => {
    if (value === null) return null;
    if (!Array.isArray(value))
      return tell(run, leaf, 'mapping.list', `must be a list, and is ${shown(value)}`);
    const made: unknown[] = [];
    const depth = run.indices.length;
    for (let at = 0; at < value.length && run.steps >= 0; at += 1) {
      run.indices[depth] = at;
      made.push(fill(value[at], run) ?? {});
    }
    run.indices.length = depth;
    return made;
  };
}

function compileTransform(
  leaf: Leaf,
  table: MappingDirective['$map'],
  coerce: Coercion | undefined,
  hasDefault: boolean,
): Transform | undefined {
  const lookUp = table && compileTable(leaf, table, hasDefault);
  const convert = compileCoercion(leaf, coerce);
  if (!lookUp || !convert) return lookUp ?? convert;
  return (value, run) => {
    const found = lookUp(value, run);
    return found === undefined ? undefined : convert(found, run);
  };
}

function compileTable(
  leaf: Leaf,
  table: NonNullable<MappingDirective['$map']>,
  hasDefault: boolean,
): Transform {
  const entries = new Map(Object.entries(table));
  return (value, run) => {
    if (value === null) return null;
    const found = typeof value === 'object' ? undefined : entries.get(String(value));
    if (found !== undefined || hasDefault) return found;
    return tell(run, leaf, 'mapping.unmapped', `${shown(value)} is none of the values that $map knows`);
  };
}

function compileCoercion(leaf: Leaf, coerce: Coercion | undefined): Transform | undefined {
  if (coerce === 'toNumber') {
    return (value, run) => {
      if (value === null) return null;
      return toNumber(value) ?? tell(run, leaf, 'mapping.number', `must be a number, and is ${shown(value)}`);
    };
  }
  if (coerce === 'toNumberOrNull') return (value) => toNumber(value) ?? null;
  if (coerce === 'toString') {
    return (value, run) => {
      if (value === null || typeof value === 'string') return value;
      if (typeof value === 'number' || typeof value === 'boolean') return String(value);
      return tell(run, leaf, 'mapping.text', `must be a text, and is ${shown(value)}`);
    };
  }
  return undefined;
}

/** A finite number, or a text that is one as JSON writes it: no spaces, no `1e400`, no `0x10`. */
function toNumber(value: unknown): number | undefined {
  if (typeof value === 'string' && !/^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(value)) return undefined;
  const number = typeof value === 'string' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined;
}

function tell(run: MappingRun, leaf: Leaf, ruleId: string, message: string): undefined {
  if (run.issues.length < RECORD_LIMITS.issues) {
    run.issues.push(structural(ruleId, placeOf(leaf.field, run.indices), message));
  }
  return undefined;
}

/** `lines.*.sku` and [2]: `lines.2.sku`. */
export function placeOf(field: readonly string[], indices: readonly number[]): string {
  let depth = 0;
  return field.map((segment) => (segment === '*' ? (indices[depth++] ?? '*') : segment)).join('.');
}

export function structural(ruleId: string, field: string, message: string): IntegrationIssue {
  return { ruleId, field, message, kind: 'structural', severity: 'error' };
}
