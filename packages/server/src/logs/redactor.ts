/**
 * Job: takes known values out of texts, whatever form they were printed in.
 *
 * Boundary: is told the values; knows nothing of tenants or of the database. One pass per text, whose cost does not grow
 * with the number of values.
 *
 * Invariants
 * 1. No value of at least {@link SHORTEST} characters is left in a text: not plain, not percent-encoded, not in base64
 *    (alone or amid other bytes), not escaped as in JSON, and no line of one that has several.
 * 2. Nor is the beginning of one at the end of a text that was cut off.
 * 3. What overlaps goes together: no rest of a value stays beside another.
 * 4. A text that would cost more than {@link WORK_PER_CHARACTER} allows is left out whole.
 */
export interface Redactor {
  /** @param isCut the text was longer: it may end in the middle of a value */
  text(text: string, isCut?: boolean): string;
  /** Any JSON value, keys included. */
  json(value: unknown): unknown;
}

export const REDACTED = '[redacted]';
/** Shorter values stand in ordinary text by chance. */
export const SHORTEST = 6;
/** A text is never longer, so what is beyond this of a value cannot be in it. */
const LONGEST = 8 * 1024;
/** Longer values are looked for as they are. */
const LONGEST_ENCODED = 2 * 1024;
const WORK_PER_CHARACTER = 20;

/** API keys of the platform, and runtime tokens, which are JSON Web Tokens like many others. */
const CREDENTIALS = /vnd_[0-9A-Za-z]{16,}|eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{16,}/g;
/** The same where the text ends within one. */
const CUT_CREDENTIAL = /(?:vnd_[0-9A-Za-z]*|eyJ[\w-]{5,}(?:\.[\w-]*){0,2})$/g;

/** For texts that may hold these values. */
export function redactorOf(values: Iterable<string>): Redactor {
  const patterns = new Patterns(values);
  const text = (given: string, isCut = false): string => {
    const known = patterns.find(given, isCut);
    if (known === undefined) return REDACTED;
    const credentials = [...given.matchAll(CREDENTIALS), ...(isCut ? given.matchAll(CUT_CREDENTIAL) : [])];
    return without(given, [
      ...known,
      ...credentials.map(({ index, 0: { length } }): Range => [index, index + length]),
    ]);
  };
  const json = (value: unknown): unknown => {
    if (typeof value === 'string') return text(value);
    // A value may be digits alone.
    if (typeof value === 'number') return text(String(value)) === String(value) ? value : REDACTED;
    if (Array.isArray(value)) return value.map(json);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, held]) => [text(key), json(held)]));
  };
  return { text, json };
}

/** From, to (not included). */
type Range = [from: number, to: number];

/** Patterns by their first characters. */
class Patterns {
  readonly #byStart = new Map<string, string[]>();
  /** Whether any pattern begins with two characters of this hash: spares most look-ups. */
  readonly #starts = new Uint8Array(65_536);

  constructor(values: Iterable<string>) {
    const patterns = new Set([...values].flatMap((value) => [...formsOf(value)]));
    for (const pattern of patterns) {
      this.#starts[pairHash(pattern, 0)] = 1;
      const start = pattern.slice(0, SHORTEST);
      this.#byStart.set(start, [...(this.#byStart.get(start) ?? []), pattern]);
    }
    for (const alike of this.#byStart.values()) alike.sort((a, b) => b.length - a.length);
  }

  /** Where they are; `undefined` when finding out would cost too much (invariant 4). */
  find(text: string, isCut: boolean): Range[] | undefined {
    const found: Range[] = [];
    let work = text.length * WORK_PER_CHARACTER;
    for (let at = 0; at + SHORTEST <= text.length; at++) {
      if (this.#starts[pairHash(text, at)] === 0) continue;
      for (const pattern of this.#byStart.get(text.slice(at, at + SHORTEST)) ?? []) {
        work -= 1 + pattern.length / 64;
        const end = endOf(text, at, pattern, isCut);
        if (end === 0) continue;
        found.push([at, end]);
        break;
      }
      if (work < 0) return undefined;
    }
    return found;
  }
}

/** What overlaps goes as one (invariant 3). */
function without(text: string, ranges: Range[]): string {
  if (ranges.length === 0) return text;
  const parts: string[] = [];
  let end = -1;
  for (const [from, to] of ranges.sort(([a], [b]) => a - b)) {
    if (from >= end) parts.push(text.slice(Math.max(0, end), from), REDACTED);
    end = Math.max(end, to);
  }
  return parts.join('') + text.slice(end);
}

/** Where a pattern that begins at `at` ends; 0 when it does not begin there. */
function endOf(text: string, at: number, pattern: string, isCut: boolean): number {
  if (text.startsWith(pattern, at)) return at + pattern.length;
  const isBeyond = at + pattern.length > text.length;
  return isCut && isBeyond && pattern.startsWith(text.slice(at)) ? text.length : 0;
}

function pairHash(text: string, at: number): number {
  return (text.charCodeAt(at) * 31 + text.charCodeAt(at + 1)) & 0xffff;
}

/** Every form in which a value is looked for. */
function* formsOf(value: string): Generator<string> {
  const lines = value.split(/\r?\n/).map((line) => line.trim());
  for (const part of new Set([value, value.trim(), ...(lines.length > 1 ? lines : [])])) {
    for (const form of [part, ...(part.length <= LONGEST_ENCODED ? encodedForms(part) : [])])
      if (form.length >= SHORTEST && part.length >= SHORTEST) yield form.slice(0, LONGEST);
  }
}

function encodedForms(plain: string): string[] {
  const percent = encodeURIComponent(plain);
  const lower = percent.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase());
  const form = new URLSearchParams({ v: plain }).toString().slice(2);
  const escaped = JSON.stringify(plain).slice(1, -1);
  return [percent, lower, form, escaped, ...base64Forms(Buffer.from(plain))];
}

/** The characters of base64 that depend on these bytes alone, at each place that they may have among others. */
function base64Forms(bytes: Buffer): string[] {
  return [0, 1, 2].flatMap((before) => {
    const bits = [before * 8, (before + bytes.length) * 8];
    const text = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
    const own = text.slice(Math.ceil(bits[0]! / 6), Math.floor(bits[1]! / 6));
    return [own, own.replaceAll('+', '-').replaceAll('/', '_')];
  });
}
