import { EACH_ELEMENT, parseRecordPath } from '@pegasus-workflows/contracts';

/** What values of records are to rules: read by path, compared, ordered. All of it total: any JSON in, an answer out. */

export type Reader = (value: unknown) => unknown;

function own(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string, unknown>)[key]
    : undefined;
}

/** Reads one place, by own keys; `undefined` where there is nothing. */
export function compileReader(segments: readonly string[]): Reader {
  const [first, second, ...rest] = segments;
  if (first === undefined) return (value) => value;
  if (second === undefined) return (value) => own(value, first);
  if (rest.length === 0) return (value) => own(own(value, first), second);
  return (value) => {
    let found = value;
    for (const segment of segments) found = own(found, segment);
    return found;
  };
}

/** Reads every place within a list, for the segments after its `*`. An element without the field counts as null. */
export function compileElements(after: readonly string[]): (list: unknown) => unknown[] {
  const at = after.indexOf(EACH_ELEMENT);
  if (after.length === 0) return (list) => (Array.isArray(list) ? list : []);
  const readOne = compileReader(at === -1 ? after : after.slice(0, at));
  const readInner = at === -1 ? undefined : compileElements(after.slice(at + 1));
  return (list) => {
    if (!Array.isArray(list)) return [];
    return list.flatMap((element) => (readInner ? readInner(readOne(element)) : [readOne(element) ?? null]));
  };
}

/** Whether two values are the same JSON; what is not there is null. NaN is nothing's like. */
export function isSame(a: unknown, b: unknown): boolean {
  const left = a ?? null;
  const right = b ?? null;
  if (left === right) return true;
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false;
  if (Array.isArray(left) !== Array.isArray(right)) return false;
  const keys = Object.keys(left);
  return (
    keys.length === Object.keys(right).length &&
    keys.every((key) => Object.hasOwn(right, key) && isSame(own(left, key), own(right, key)))
  );
}

/** The value of a canonical field, by its path as a configuration writes it. */
export function valueAtField(record: unknown, path: string): unknown {
  const parsed = parseRecordPath(path);
  return parsed && compileReader(parsed.segments)(record);
}

const ISO = /^(\d{4}-\d{2}-(\d{2}))(?:T(\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)(Z|[+-]\d{2}:?\d{2})?)?$/;

/** Milliseconds since 1970 of an ISO 8601 date or date-time, UTC where it names no offset; `undefined` for anything else. */
export function instantOf(text: string): number | undefined {
  // Dates begin with a digit and have ten characters at least: most texts end here.
  if (text.length < 10 || text.charCodeAt(4) !== 0x2d) return undefined;
  const match = ISO.exec(text);
  if (!match) return undefined;
  const [, date, day, time, offset] = match;
  const midnight = Date.parse(`${date}T00:00:00Z`);
  // 30 February is a day in March to Date.
  if (Number.isNaN(midnight) || new Date(midnight).getUTCDate() !== Number(day)) return undefined;
  if (time === undefined) return midnight;
  const instant = Date.parse(`${date}T${time}${offset ?? 'Z'}`);
  return Number.isNaN(instant) ? undefined : instant;
}

export function isDate(text: string): boolean {
  return text.length === 10 && instantOf(text) !== undefined;
}

export function isDateTime(text: string): boolean {
  return text.length > 10 && instantOf(text) !== undefined;
}

/**
 * Negative, zero or positive; `undefined` where there is no order: numbers are ordered among themselves, texts among
 * themselves, and two texts that are both dates by the instant they name.
 */
export function compareValues(a: unknown, b: unknown): number | undefined {
  if (typeof a === 'number' && typeof b === 'number') {
    return Number.isNaN(a) || Number.isNaN(b) ? undefined : a < b ? -1 : a > b ? 1 : 0;
  }
  if (typeof a !== 'string' || typeof b !== 'string') return undefined;
  const left = instantOf(a);
  const right = left === undefined ? undefined : instantOf(b);
  if (left !== undefined && right !== undefined) return left - right;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A value as a sentence shows it: short, whatever it holds. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  if (typeof value !== 'string') return String(value);
  return JSON.stringify(value.length <= 80 ? value : `${value.slice(0, 77)}...`);
}

/** Several of them: the first ten, and how many more. */
export function listed(values: readonly unknown[]): string {
  const more = values.length - 10;
  return values.slice(0, 10).map(shown).join(', ') + (more > 0 ? ` and ${more} more` : '');
}
