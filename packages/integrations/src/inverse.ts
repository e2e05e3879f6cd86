import {
  jsonPointer,
  parseRecordPath,
  formatRecordPath,
  type MappingDirective,
  type MappingNode,
  type MappingObject,
} from '@pegasus-workflows/contracts';
import { isDirective } from './mapping.js';

/** The way back, as far as there is one. */
export interface Inverse {
  mapping: MappingObject;
  /**
   * Places whose value does not come back as it was, each with its reason. Without any, the inverse of a record's mapping
   * is the record itself, in the fields that the mapping names and as far as `$map` knows their values.
   */
  losses: { pointer: string; reason: string }[];
}

/** A record as the inverse writes it: places by path, then nested. */
interface Slot {
  node?: MappingNode;
  children: Map<string, Slot>;
}

/**
 * The inverse of a mapping: each leaf is put at the path that it came from, its table turned round, its type made a text
 * again. A leaf that takes the first of several paths goes back to the first. What cannot go back is left out.
 */
export function invertMapping(mapping: MappingObject): Inverse {
  const losses: Inverse['losses'] = [];
  return { mapping: invertObject(mapping, [], losses), losses };
}

function invertObject(
  mapping: MappingObject,
  pointer: readonly string[],
  losses: Inverse['losses'],
): MappingObject {
  const root: Slot = { children: new Map() };
  walk(mapping, [], pointer);
  return nested(root);

  function walk(object: MappingObject, field: readonly string[], at: readonly string[]): void {
    for (const [name, node] of Object.entries(object)) {
      const here = [...at, name];
      const place = [...field, name];
      if (typeof node === 'string') put({ $from: node }, place, here);
      else if (isDirective(node)) put(node, place, here);
      else walk(node, place, here);
    }
  }

  function put(directive: MappingDirective, field: readonly string[], at: readonly string[]): void {
    const lose = (reason: string) => losses.push({ pointer: jsonPointer(at), reason });
    const sources = typeof directive.$from === 'string' ? [directive.$from] : directive.$from;
    const [first] = sources;
    if (first === undefined) return void lose('a constant has no place to go back to');
    if (sources.length > 1) lose('one of several paths: goes back to the first');
    if (directive.default !== undefined) lose('a default cannot be told from a value');
    const target = parseRecordPath(first)!;
    if (target.fromRoot)
      return void lose('a path from the whole record cannot be written from inside a list');
    if (target.segments.some((segment) => /^\d+$/.test(segment)))
      return void lose('a single place of a list cannot be written');
    if (target.segments.some((segment) => segment.startsWith('$')))
      return void lose('a mapping makes no field whose name begins with "$"');
    const slot = slotAt(root, target.segments);
    if (!slot) return void lose(`"${first}" is inside another path, or around one, that goes back already`);
    slot.node = invertLeaf(directive, formatRecordPath(field), at, lose, losses);
  }
}

function invertLeaf(
  { $map, coerce, $each }: MappingDirective,
  from: string,
  at: readonly string[],
  lose: (reason: string) => void,
  losses: Inverse['losses'],
): MappingNode {
  if ($each) return { $from: from, $each: invertObject($each, [...at, '$each'], losses) };
  const directive: MappingDirective = { $from: from };
  if (coerce === 'toNumber' || coerce === 'toNumberOrNull') {
    lose('a number comes back as a text, in its shortest form');
    directive.coerce = 'toString';
  } else if (coerce === 'toString') {
    lose('a text comes back as a text, whatever it was');
  }
  if ($map) {
    const back = turned($map);
    if (Object.keys(back).length < Object.keys($map).length)
      lose('several values become the same one: the first comes back');
    directive.$map = back;
    delete directive.coerce;
  }
  return Object.keys(directive).length === 1 ? from : directive;
}

function turned(table: NonNullable<MappingDirective['$map']>): Record<string, string> {
  const back = new Map<string, string>();
  for (const [from, to] of Object.entries(table)) {
    // Null passes every table by itself.
    if (to !== null && !back.has(String(to))) back.set(String(to), from);
  }
  return Object.fromEntries(back);
}

/** The slot at a path, made if need be; `undefined` when it, one above or one below is taken. */
function slotAt(root: Slot, segments: readonly string[]): Slot | undefined {
  let slot = root;
  for (const segment of segments) {
    if (slot.node !== undefined) return undefined;
    let child = slot.children.get(segment);
    if (!child) slot.children.set(segment, (child = { children: new Map() }));
    slot = child;
  }
  return slot.node !== undefined || slot.children.size > 0 ? undefined : slot;
}

function nested(slot: Slot): MappingObject {
  return Object.fromEntries(
    [...slot.children].map(([name, child]): [string, MappingNode] => [name, child.node ?? nested(child)]),
  );
}
