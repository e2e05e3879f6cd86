const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LETTER_U = 0x75;

/** A number of at most this many characters without an exponent is finite. */
const SAFE_NUMBER_LENGTH = 300;

/** `"__proto__"`, each character written `\uXXXX`. */
const PROTO_LENGTH_MAX = 9 * 6 + 2;

export interface JsonScan {
  /** How deep it nests; 0 for a scalar. */
  depth: number;
  /** Whether its strings can be stored: PostgreSQL's jsonb takes neither U+0000 nor half of a surrogate pair. */
  storable: boolean;
  /** Whether some object has the key `__proto__`, which programs drop, or take for the prototype. */
  hasProtoKey: boolean;
  /** Whether some number is beyond ±1.8e308, and would come out as null. */
  hasInfinity: boolean;
}

/** What a valid JSON text would do to us, found in one pass without recursion. */
export function scanJson(text: string): JsonScan {
  let level = 0;
  let depth = 0;
  let storable = true;
  let hasProtoKey = false;
  let hasInfinity = false;
  const hasEscapes = text.includes('\\u');
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) {
      const end = endOfString(text, i + 1);
      if (storable && hasEscapes) storable = isStorable(text, i + 1, end);
      hasProtoKey ||= isProto(text, i, end) && isKey(text, end);
      i = end;
    } else if (code === 0x7b || code === 0x5b) {
      depth = Math.max(depth, ++level);
    } else if (code === 0x7d || code === 0x5d) {
      level--;
    } else if (code >= 0x30 && code <= 0x39) {
      const end = endOfNumber(text, i + 1);
      hasInfinity ||= !isFiniteNumber(text.slice(i, end));
      i = end - 1;
    }
  }
  return { depth, storable, hasProtoKey, hasInfinity };
}

/** Whether the string between two quotes is `__proto__`, its characters escaped or not. */
function isProto(text: string, start: number, end: number): boolean {
  const raw = text.slice(start, Math.min(end + 1, start + PROTO_LENGTH_MAX));
  return (
    raw === '"__proto__"' || (raw.includes('\\u') && raw.endsWith('"') && JSON.parse(raw) === '__proto__')
  );
}

/** Whether the string that ends with the quote at `end` is a key. */
function isKey(text: string, end: number): boolean {
  const colon = /\s*:/y;
  colon.lastIndex = end + 1;
  return colon.test(text);
}

/** Index after the number whose first digit is before `start`. */
function endOfNumber(text: string, start: number): number {
  let end = start;
  while (end < text.length && '0123456789.eE+-'.includes(text.charAt(end))) end++;
  return end;
}

function isFiniteNumber(number: string): boolean {
  if (number.length <= SAFE_NUMBER_LENGTH && !/e/i.test(number)) return true;
  return Number.isFinite(Number(number));
}

/** Index of the closing quote of the string whose first character is at `start`. */
function endOfString(text: string, start: number): number {
  let i = start;
  while (i < text.length && text.charCodeAt(i) !== QUOTE) i += text.charCodeAt(i) === BACKSLASH ? 2 : 1;
  return i;
}

function isStorable(text: string, start: number, end: number): boolean {
  let high = false;
  for (let i = start; i < end; i++) {
    let unit = text.charCodeAt(i);
    if (unit === BACKSLASH) {
      i++;
      if (text.charCodeAt(i) === LETTER_U) {
        unit = Number.parseInt(text.slice(i + 1, i + 5), 16);
        i += 4;
        if (unit === 0) return false;
      }
    }
    const isLow = unit >= 0xdc00 && unit <= 0xdfff;
    if (high !== isLow) return false;
    high = unit >= 0xd800 && unit <= 0xdbff;
  }
  return !high;
}
