import { z } from 'zod';

/**
 * Job: says whether an event's payload is one that a trigger, or an event type's condition, wants.
 *
 * Boundary: pure, no evaluation of code, no regular expressions; the same in the server, in the command line and in a
 * browser. What it is given is JSON, or hostile: nothing about it is assumed.
 *
 * Two dialects, told apart by shape alone:
 * - a tree: an object that has `all` or `any` with a list, or both `path` and `op`. A node is a condition
 *   `{path, op, value}` or a group `{all: [...]}` or `{any: [...]}` with at least one node in it.
 * - every other object is flat: each key, at the top level of the payload, strictly equals its scalar. `{}` asks for
 *   nothing and matches every payload.
 *
 * Invariants
 * 1. {@link matches} answers true or false for any two values: it never throws, and a malformed filter never matches.
 * 2. What {@link parseFilter} accepts is exactly what {@link matches} understands.
 * 3. Only own properties are looked at, so `__proto__`, `constructor` and `length` are names like any other.
 * 4. Values are compared with values of their own type only: `"10"` neither equals 10 nor is greater than 9.
 * 5. The work is bounded by {@link FILTER_LIMITS} and the size of the lists in the payload.
 */
export const FILTER_LIMITS = {
  /** Groups within groups. */
  depth: 8,
  /** Groups and conditions together; keys of a flat filter. */
  nodes: 100,
  /** Names in a path. */
  segments: 16,
  /** Characters of a path or of a key. */
  pathCharacters: 256,
  /** Characters of a text to compare with. */
  textCharacters: 1_024,
  /** Values of `in` and `nin`. */
  values: 500,
} as const;

export const FILTER_OPS = ['eq', 'neq', 'gt', 'gte', 'lt', 'lte', 'in', 'nin', 'contains', 'exists'] as const;
export type FilterOp = (typeof FILTER_OPS)[number];

export type FilterScalar = string | number | boolean | null;
export type FilterCondition =
  | { path: string; op: 'eq' | 'neq' | 'contains'; value: FilterScalar }
  | { path: string; op: 'gt' | 'gte' | 'lt' | 'lte'; value: string | number }
  | { path: string; op: 'in' | 'nin'; value: FilterScalar[] }
  | { path: string; op: 'exists'; value?: boolean };
export type FilterNode = FilterCondition | { all: FilterNode[] } | { any: FilterNode[] };
export type FlatFilter = Record<string, FilterScalar>;

/** A filter that was found sound. */
export type Filter = { dialect: 'flat'; filter: FlatFilter } | { dialect: 'tree'; filter: FilterNode };

/** What is wrong, and where: a JSON pointer into the filter, empty for the filter itself. */
export interface FilterProblem {
  pointer: string;
  problem: string;
}

export type ParsedFilter = { ok: true; filter: Filter } | { ok: false; problems: FilterProblem[] };

/** Reads a filter of either dialect. Never throws; answers every problem it finds, at most {@link FILTER_LIMITS.nodes}. */
export function parseFilter(input: unknown): ParsedFilter {
  try {
    const reading = new Reading();
    const filter = reading.read(input);
    const { problems } = reading;
    return filter && problems.length === 0 ? { ok: true, filter } : { ok: false, problems };
  } catch {
    // A getter or a proxy that throws: no JSON does.
    return { ok: false, problems: [{ pointer: '', problem: 'cannot be read' }] };
  }
}

/** Whether a payload is what the filter wants. Never throws; a malformed filter matches nothing (invariant 1). */
export function matches(filter: unknown, payload: unknown): boolean {
  const parsed = parseFilter(filter);
  if (!parsed.ok) return false;
  try {
    const { dialect, filter: sound } = parsed.filter;
    return dialect === 'tree' ? nodeMatches(sound, payload) : flatMatches(sound, payload);
  } catch {
    return false;
  }
}

/** A filter as a request carries it; each problem becomes an issue at its place. */
export const filterSchema = z
  .record(z.string(), z.unknown(), { error: 'must be a filter, an object' })
  .superRefine((input, context) => {
    const parsed = parseFilter(input);
    if (parsed.ok) return;
    for (const { pointer, problem } of parsed.problems) {
      const at = pointer === '' ? '' : ` at ${pointer}`;
      context.addIssue({ code: 'custom', message: `is not a filter${at}: ${problem}` });
    }
  });

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isScalar(value: unknown): value is FilterScalar {
  return value === null || typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value);
}

const isTree = (input: Record<string, unknown>): boolean =>
  (Object.hasOwn(input, 'path') && Object.hasOwn(input, 'op')) ||
  (Object.hasOwn(input, 'all') && Array.isArray(input['all'])) ||
  (Object.hasOwn(input, 'any') && Array.isArray(input['any']));

const OPS: ReadonlySet<unknown> = new Set(FILTER_OPS);
const ORDERED: ReadonlySet<FilterOp> = new Set(['gt', 'gte', 'lt', 'lte']);

/** One reading of one filter: a copy of what is sound in it, and what is wrong with it. */
class Reading {
  readonly problems: FilterProblem[] = [];
  #nodes = 0;

  read(input: unknown): Filter | undefined {
    if (!isObject(input)) return this.#wrong('', 'must be an object');
    if (isTree(input)) {
      const node = this.#node(input, '', 1);
      return node && { dialect: 'tree', filter: node };
    }
    const filter = this.#flat(input);
    return filter && { dialect: 'flat', filter };
  }

  #wrong(pointer: string, problem: string): undefined {
    if (this.problems.length < FILTER_LIMITS.nodes) this.problems.push({ pointer, problem });
    return undefined;
  }

  #flat(input: Record<string, unknown>): FlatFilter | undefined {
    const entries = Object.entries(input);
    const { nodes, pathCharacters } = FILTER_LIMITS;
    if (entries.length > nodes)
      return this.#wrong('', `has ${entries.length} keys; at most ${nodes} are allowed`);
    const sound: [string, FilterScalar][] = [];
    for (const [key, value] of entries) {
      const pointer = `/${escapePointer(key)}`;
      if (key.length > pathCharacters) {
        this.#wrong(pointer, `is a key of more than ${pathCharacters} characters`);
      } else if (this.#scalar(value, pointer)) sound.push([key, value]);
    }
    return Object.fromEntries(sound);
  }

  #node(input: unknown, pointer: string, depth: number): FilterNode | undefined {
    if (depth > FILTER_LIMITS.depth)
      return this.#wrong(pointer, `is nested deeper than ${FILTER_LIMITS.depth} levels`);
    if (++this.#nodes > FILTER_LIMITS.nodes) {
      if (this.#nodes > FILTER_LIMITS.nodes + 1) return undefined;
      return this.#wrong(pointer, `is one condition too many; at most ${FILTER_LIMITS.nodes} are allowed`);
    }
    if (!isObject(input)) return this.#wrong(pointer, 'must be a condition {path, op, value} or a group');
    const keys = Object.keys(input);
    const group = keys.find((key) => key === 'all' || key === 'any');
    if (group === undefined) return this.#condition(input, keys, pointer);
    if (keys.length > 1) return this.#wrong(pointer, `a group has "${group}" and nothing else`);
    const members = input[group];
    const at = `${pointer}/${group}`;
    if (!Array.isArray(members) || members.length === 0)
      return this.#wrong(at, 'must be a list with at least one condition');
    const nodes: FilterNode[] = [];
    for (const [index, member] of members.entries()) {
      if (this.#nodes > FILTER_LIMITS.nodes) return undefined;
      const node = this.#node(member, `${at}/${index}`, depth + 1);
      if (node) nodes.push(node);
    }
    return group === 'all' ? { all: nodes } : { any: nodes };
  }

  #condition(
    input: Record<string, unknown>,
    keys: readonly string[],
    pointer: string,
  ): FilterNode | undefined {
    const unknown = keys.find((key) => key !== 'path' && key !== 'op' && key !== 'value');
    if (unknown !== undefined)
      return this.#wrong(
        `${pointer}/${escapePointer(unknown)}`,
        'is unknown; a condition has path, op and value',
      );
    const { path, op, value } = input;
    if (!OPS.has(op)) return this.#wrong(`${pointer}/op`, `must be one of ${FILTER_OPS.join(', ')}`);
    if (!this.#path(path, `${pointer}/path`)) return undefined;
    return this.#valued(path, op as FilterOp, value, `${pointer}/value`);
  }

  #path(path: unknown, pointer: string): path is string {
    const { pathCharacters, segments } = FILTER_LIMITS;
    if (typeof path !== 'string')
      this.#wrong(pointer, 'must be text: names separated by dots, such as order.items.0.sku');
    else if (path.length > pathCharacters)
      this.#wrong(pointer, `must be at most ${pathCharacters} characters`);
    else if (path.split('.').length > segments) this.#wrong(pointer, `must have at most ${segments} names`);
    else if (path.split('.').includes('')) this.#wrong(pointer, 'must be names separated by single dots');
    else return true;
    return false;
  }

  #valued(path: string, op: FilterOp, value: unknown, pointer: string): FilterNode | undefined {
    if (op === 'exists') {
      if (value === undefined) return { path, op };
      if (typeof value !== 'boolean') return this.#wrong(pointer, 'must be true or false');
      return { path, op, value };
    }
    if (op === 'in' || op === 'nin') {
      if (!Array.isArray(value) || value.length === 0)
        return this.#wrong(pointer, 'must be a list with at least one value');
      if (value.length > FILTER_LIMITS.values)
        return this.#wrong(pointer, `must have at most ${FILTER_LIMITS.values} values`);
      // Copied by index, so that a hole is a missing value like any other.
      const values = Array.from(value as unknown[]);
      const sound = values.filter((item, index) => this.#scalar(item, `${pointer}/${index}`));
      return { path, op, value: sound as FilterScalar[] };
    }
    if (!this.#scalar(value, pointer)) return undefined;
    if (!ORDERED.has(op)) return { path, op, value } as FilterCondition;
    if (typeof value !== 'string' && typeof value !== 'number')
      return this.#wrong(pointer, 'must be a number or text');
    return { path, op, value } as FilterCondition;
  }

  #scalar(value: unknown, pointer: string): value is FilterScalar {
    if (!isScalar(value)) this.#wrong(pointer, 'must be text, a number, true, false or null');
    else if (typeof value === 'string' && value.length > FILTER_LIMITS.textCharacters) {
      this.#wrong(pointer, `must be at most ${FILTER_LIMITS.textCharacters} characters`);
    } else return true;
    return false;
  }
}

function escapePointer(key: string): string {
  return key.slice(0, 64).replaceAll('~', '~0').replaceAll('/', '~1');
}

function flatMatches(filter: FlatFilter, payload: unknown): boolean {
  if (!isObject(payload)) return false;
  return Object.entries(filter).every(
    ([key, value]) => Object.hasOwn(payload, key) && payload[key] === value,
  );
}

function nodeMatches(node: FilterNode, payload: unknown): boolean {
  if ('all' in node) return node.all.every((member) => nodeMatches(member, payload));
  if ('any' in node) return node.any.some((member) => nodeMatches(member, payload));
  return conditionMatches(node, valueAt(payload, node.path));
}

/** `found` undefined: there is nothing at the path; JSON has no undefined of its own. */
function conditionMatches(condition: FilterCondition, found: unknown): boolean {
  switch (condition.op) {
    case 'eq':
      return found === condition.value;
    case 'neq':
      return found !== condition.value;
    case 'in':
      return condition.value.some((value) => value === found);
    case 'nin':
      return !condition.value.some((value) => value === found);
    case 'exists':
      return (found !== undefined) === (condition.value ?? true);
    case 'contains':
      return contains(found, condition.value);
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte':
      return isOrdered(condition.op, found, condition.value);
  }
}

function contains(found: unknown, value: FilterScalar): boolean {
  if (Array.isArray(found)) return found.some((item) => item === value);
  return typeof found === 'string' && typeof value === 'string' && found.includes(value);
}

/** Texts by their UTF-16 code units, which puts ISO 8601 times in UTC in order. */
function isOrdered(op: 'gt' | 'gte' | 'lt' | 'lte', found: unknown, value: string | number): boolean {
  if (typeof found === 'string' && typeof value === 'string') return compare(op, found, value);
  if (typeof found === 'number' && typeof value === 'number') return compare(op, found, value);
  return false;
}

function compare<T extends string | number>(op: 'gt' | 'gte' | 'lt' | 'lte', a: T, b: T): boolean {
  if (op === 'gt') return a > b;
  if (op === 'gte') return a >= b;
  if (op === 'lt') return a < b;
  return a <= b;
}

const INDEX = /^(?:0|[1-9][0-9]{0,8})$/;

/** Own properties of objects, elements of lists by their index, nothing else (invariant 3). */
function valueAt(payload: unknown, path: string): unknown {
  let value = payload;
  for (const name of path.split('.')) {
    if (typeof value !== 'object' || value === null) return undefined;
    if (Array.isArray(value) && !INDEX.test(name)) return undefined;
    if (!Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}
