/** JSON that was read, or where and why it is none. */
export type ParsedJson =
  | { ok: true; value: unknown }
  | {
      ok: false;
      /** Both count from 1. */
      line: number;
      column: number;
      /** One clause without a full stop: `ends in the middle`, `has "}" where a value belongs`. */
      reason: string;
    };

/** Parses JSON. Unlike `JSON.parse` it tells, on every Node, the line and column of what is wrong. A BOM is no fault. */
export function parseJson(text: string): ParsedJson {
  const source = text.replace(/^\uFEFF/, '');
  try {
    return { ok: true, value: JSON.parse(source) as unknown };
  } catch {
    const { offset, expected } = findFault(source);
    const before = source.slice(0, offset).split('\n');
    const place = { line: before.length, column: (before.at(-1) ?? '').length + 1 };
    if (source.trim() === '') return { ok: false, ...place, reason: 'is empty' };
    if (offset >= source.trimEnd().length)
      return { ok: false, ...place, reason: `ends in the middle, where ${expected} belongs` };
    const shown = JSON.stringify(/^[\w.+-]{1,20}|^[^]/.exec(source.slice(offset))?.[0] ?? '');
    return { ok: false, ...place, reason: `has ${shown} where ${expected} belongs` };
  }
}

const BLANK = /[ \t\r\n]*/y;
const SCALAR = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
/** Piece by piece rather than as one group: a string of many megabytes would exhaust the engine's stack. */
const STRING_PART = /[^"\\\u0000-\u001f]{1,50000}|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

type Awaited = 'value' | 'value or ]' | 'key or }' | 'key' | ':' | ', or }' | ', or ]' | 'end';

const WORDS: Record<Awaited, string> = {
  value: 'a value',
  'value or ]': 'a value or "]"',
  'key or }': 'a name in double quotes or "}"',
  key: 'a name in double quotes',
  ':': '":"',
  ', or }': '"," or "}"',
  ', or ]': '"," or "]"',
  end: 'the end',
};

/** The first offset at which a text stops being JSON, and what would have to be there. */
function findFault(text: string): { offset: number; expected: string } {
  const open: ('{' | '[')[] = [];
  let awaited: Awaited = 'value';
  let at = 0;
  const skip = (pattern: RegExp): boolean => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found) at += found[0].length;
    return found !== null && found[0] !== '';
  };
  const after = (): Awaited =>
    open.length === 0 ? 'end' : open[open.length - 1] === '{' ? ', or }' : ', or ]';
  for (;;) {
    skip(BLANK);
    const start = at;
    const next = text[at];
    const fault = (): { offset: number; expected: string } => ({ offset: start, expected: WORDS[awaited] });
    if (next === undefined) return fault();
    const closes = (next === '}' && /}$/.test(awaited)) || (next === ']' && /]$/.test(awaited));
    if (closes) {
      at++;
      open.pop();
      awaited = after();
    } else if (awaited === ':' || awaited.startsWith(',')) {
      if (next !== awaited[0]) return fault();
      at++;
      awaited = awaited === ':' ? 'value' : open[open.length - 1] === '{' ? 'key' : 'value';
    } else if (next === '"' && awaited !== 'end') {
      at++;
      while (skip(STRING_PART));
      if (text[at] !== '"')
        return { offset: at, expected: 'the rest of a string in double quotes, its line breaks as \\n' };
      at++;
      awaited = awaited.startsWith('key') ? ':' : after();
    } else if (awaited.startsWith('value') && (next === '{' || next === '[')) {
      at++;
      open.push(next);
      awaited = next === '{' ? 'key or }' : 'value or ]';
    } else if (awaited.startsWith('value') && skip(SCALAR)) awaited = after();
    else return fault();
  }
}
