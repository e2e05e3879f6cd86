const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LETTER_U = 0x75;

/**
 * What a valid JSON text would do to us, found in one pass without recursion: how deep it nests, and whether its
 * strings can be stored (PostgreSQL's jsonb takes neither U+0000 nor half of a surrogate pair).
 */
export function scanJson(text: string): { depth: number; storable: boolean } {
  let level = 0;
  let depth = 0;
  let storable = true;
  const hasEscapes = text.includes('\\u');
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) {
      const end = endOfString(text, i + 1);
      if (storable && hasEscapes) storable = isStorable(text, i + 1, end);
      i = end;
    } else if (code === 0x7b || code === 0x5b) {
      depth = Math.max(depth, ++level);
    } else if (code === 0x7d || code === 0x5d) {
      level--;
    }
  }
  return { depth, storable };
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
