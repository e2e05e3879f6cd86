import { parseRecordPath, type Field, type FieldType, type Predicate } from '@pegasus-workflows/contracts';
import { TYPE_TESTS } from './floor.js';
import { constantOf, factOf, holds } from './predicates.js';
import { compareValues, listed, shown } from './values.js';

/**
 * Whether a rule can ever be violated: all of its predicates true at once. Sound, not complete: what it calls impossible
 * is; what has no constant (`$fact`), or speaks of some element of a list, it takes for possible unless one predicate
 * alone is not.
 */

/** Most whole numbers between two bounds that are tried one by one. */
const WINDOW = 1_000;
/** Types whose values have an order. */
const NUMERIC: readonly FieldType[] = ['number', 'integer'];
const TEXTUAL: readonly FieldType[] = ['string', 'date', 'date-time'];

/** Why no record can violate a rule of these predicates, as the end of a sentence; `undefined` when one may. */
export function contradictionIn(
  when: readonly Predicate[],
  fields: ReadonlyMap<string, Field> = new Map(),
): string | undefined {
  for (const { fact, op, value } of when) {
    const other =
      typeof value === 'object' && value !== null && !Array.isArray(value) ? value.$fact : undefined;
    if (other !== undefined && nameOf(other) === nameOf(fact) && (op === 'ne' || op === 'gt' || op === 'lt'))
      return `"${fact}" is compared with itself`;
  }
  const constants = when.filter((predicate) => constantOf(predicate));
  const groups = new Map<string, Predicate[]>();
  for (const predicate of constants) {
    const name = nameOf(predicate.fact);
    // Different elements may make different predicates true: each stands alone.
    const key = name.includes('*') ? `${name} ${groups.size}` : name;
    groups.set(key, [...(groups.get(key) ?? []), predicate]);
  }
  for (const group of groups.values()) {
    const because = contradictionOfOne(group, fieldOf(group[0]!.fact, fields));
    if (because) return `"${group[0]!.fact}" ${because}`;
  }
  return undefined;
}

function nameOf(fact: string): string {
  const { root, segments } = factOf(fact);
  return [root, ...segments].join('.');
}

const ACTION: Field = { enum: ['save', 'cancel', 'status-change'] };
/** `lines.length`: a whole number, whatever the floor says of `lines`. */
const LENGTH: Field = { type: 'integer' };

function fieldOf(fact: string, fields: ReadonlyMap<string, Field>): Field | undefined {
  const { root, segments } = factOf(fact);
  if (root === 'action') return ACTION;
  const path = segments.join('.');
  for (const [name, field] of fields) {
    if (parseRecordPath(name)!.segments.join('.') === path) return field;
  }
  const isLength = segments.at(-1) === 'length' && fieldTypeAt(segments.slice(0, -1), fields) === 'list';
  return isLength ? LENGTH : undefined;
}

function fieldTypeAt(segments: readonly string[], fields: ReadonlyMap<string, Field>): FieldType | undefined {
  for (const [name, { type }] of fields) {
    if (parseRecordPath(name)!.segments.join('.') === segments.join('.')) return type;
  }
  return undefined;
}

/** All predicates are about one value. */
function contradictionOfOne(when: readonly Predicate[], field: Field | undefined): string | undefined {
  const allHold = (value: unknown): boolean => when.every((one) => holds(value, one.op, one.value));
  const asked = when.map(
    ({ op, value }) => `${op} ${Array.isArray(value) ? `[${listed(value)}]` : shown(value)}`,
  );
  const never = `is never ${asked.join(' and ')}`;
  const domain = domainOf(when, field);
  if (domain) {
    const possible = domain.filter((value) => value === null || isOfType(value, field));
    return possible.some(allHold) ? undefined : `${never}${whatItIs(field)}`;
  }
  const bounds = when.filter(({ op }) => op === 'gt' || op === 'gte' || op === 'lt' || op === 'lte');
  if (bounds.length === 0) return undefined;
  const kinds = new Set(bounds.map(({ value }) => typeof value));
  if (kinds.size > 1) return `${never}: it would have to be a number and a text at once`;
  const types = kinds.has('string') ? TEXTUAL : NUMERIC;
  if (field?.type && !types.includes(field.type)) return `${never}${whatItIs(field)}`;
  return isEmpty(bounds, field, allHold) ? never : undefined;
}

/** Every value that can be asked about; `undefined` when there is no end of them. */
function domainOf(when: readonly Predicate[], field: Field | undefined): unknown[] | undefined {
  const equal = when.find(({ op }) => op === 'eq');
  if (equal) return [equal.value];
  const among = when.find(({ op }) => op === 'in');
  if (among) return among.value as unknown[];
  if (field?.enum) return [...field.enum, null];
  return field?.type === 'boolean' ? [true, false, null] : undefined;
}

function isOfType(value: unknown, field: Field | undefined): boolean {
  if (field?.enum && !field.enum.some((known) => known === value)) return false;
  return !field?.type || TYPE_TESTS[field.type](value);
}

function whatItIs(field: Field | undefined): string {
  if (field?.enum) return `: it is one of ${listed(field.enum)}`;
  return field?.type ? `: its type is ${field.type}` : '';
}

/** Whether nothing lies within the bounds that every predicate allows. */
function isEmpty(
  bounds: readonly Predicate[],
  field: Field | undefined,
  allHold: (value: unknown) => boolean,
): boolean {
  const isText = typeof bounds[0]!.value === 'string';
  // No text is less than the empty one.
  const least: Predicate[] = isText ? [{ fact: '', op: 'gte', value: '' }] : [];
  const lower = strictest([...bounds, ...least], ['gt', 'gte'], 1);
  const upper = strictest(bounds, ['lt', 'lte'], -1);
  if (!lower || !upper) return false;
  const order = compareValues(lower.value, upper.value) ?? 0;
  if (order > 0) return true;
  if (order === 0) return !(isOfType(lower.value, field) && allHold(lower.value));
  if (field?.type !== 'integer') return false;
  const first = Math.ceil(lower.value as number);
  const last = Math.floor(upper.value as number);
  if (last - first > WINDOW) return false;
  for (let value = first; value <= last; value += 1) if (allHold(value)) return false;
  return true;
}

/** Of bounds on one side the one that leaves least. */
function strictest(
  bounds: readonly Predicate[],
  ops: readonly string[],
  sign: 1 | -1,
): Predicate | undefined {
  return bounds
    .filter(({ op }) => ops.includes(op))
    .reduce<Predicate | undefined>((best, bound) => {
      if (!best) return bound;
      const order = (compareValues(bound.value, best.value) ?? 0) * sign;
      return order > 0 || (order === 0 && bound.op === ops[0]) ? bound : best;
    }, undefined);
}
