import { parse } from 'smol-toml';

/** What a profile may hold. Other keys in the file are kept and ignored. */
export interface ProfileValues {
  api_key: string;
  api_root?: string;
}

export const PROFILE_NAME_PATTERN = /^[A-Za-z0-9_-]{1,64}$/;

/** Thrown when a file cannot be edited without touching what is not ours; the file stays as it is. */
export class UneditableError extends Error {}

/**
 * The text of a credentials file with one profile set. Only that profile's own lines change: other profiles, unknown
 * keys, comments, order and line endings stay byte for byte. The result is parsed and compared before it is returned,
 * so a file written in a way that this does not understand (inline tables, multi-line strings that look like headers)
 * is refused instead of damaged.
 *
 * @throws UneditableError when the text is no TOML or the edit cannot be done safely
 */
export function setProfile(text: string, name: string, values: ProfileValues): string {
  const mark = text.startsWith(BYTE_ORDER_MARK) ? BYTE_ORDER_MARK : '';
  return mark + setProfileIn(text.slice(mark.length), name, values);
}

const BYTE_ORDER_MARK = '\uFEFF';

function setProfileIn(text: string, name: string, values: ProfileValues): string {
  const before = parseTables(text);
  // A line that ends with CR LF carries its CR in this list; new lines end as the first one of the file does.
  const ending = /^[^\n]*\r\n/.test(text) ? '\r' : '';
  const lines = text === '' ? [] : text.split('\n');
  const header = lines.findIndex((line) => headerName(line) === name);
  const edited = header < 0 ? append(lines, name, values, ending) : replace(lines, header, values, ending);
  const result = `${edited.join('\n').trimEnd()}${ending}\n`;

  const after = parseTables(result);
  const own = before[name];
  const expected = { ...before, [name]: { ...(isTable(own) ? own : {}), ...defined(values) } };
  if (!sameTables(after, expected))
    throw new UneditableError(`profile "${name}" is written in a way that cannot be edited safely`);
  return result;
}

function parseTables(text: string): Record<string, unknown> {
  try {
    return parse(text);
  } catch {
    // The parser's message quotes the line, which may hold a key.
    throw new UneditableError('the file is not valid TOML');
  }
}

/** `local` for `[local]` and `["local"]`, with whatever spaces and comment; undefined for any other line. */
function headerName(line: string): string | undefined {
  const match = /^\s*\[\s*(?:"([^"\\]*)"|'([^']*)'|([A-Za-z0-9_-]+))\s*\]\s*(?:#.*)?\r?$/.exec(line);
  return match?.[1] ?? match?.[2] ?? match?.[3];
}

function assignment(key: string, value: string): string {
  return `${key} = ${JSON.stringify(value)}`;
}

function defined({ api_key, api_root }: ProfileValues): Record<string, string> {
  return { api_key, ...(api_root === undefined ? {} : { api_root }) };
}

function append(lines: string[], name: string, values: ProfileValues, ending: string): string[] {
  const kept = [...lines];
  while (kept.length > 0 && kept.at(-1)?.trim() === '') kept.pop();
  const last = kept.pop();
  if (last !== undefined) kept.push(last.endsWith(ending) ? last : last + ending);
  const block = [
    `[${name}]`,
    ...Object.entries(defined(values)).map(([key, value]) => assignment(key, value)),
  ].map((line) => line + ending);
  return kept.length > 0 ? [...kept, ending, ...block] : block;
}

function replace(lines: string[], header: number, values: ProfileValues, ending: string): string[] {
  const edited = [...lines];
  let end = edited.findIndex((line, index) => index > header && line.trimStart().startsWith('['));
  if (end < 0) end = edited.length;
  let insertAt = header + 1;
  for (const [key, value] of Object.entries(defined(values))) {
    const pattern = new RegExp(
      `^(\\s*)(?:${key}|"${key}"|'${key}')\\s*=\\s*(?:"(?:[^"\\\\]|\\\\.)*"|'[^']*')(\\s*(?:#.*)?\\r?)$`,
    );
    const at = edited.findIndex((line, index) => index > header && index < end && pattern.test(line));
    if (at >= 0) {
      edited[at] = (edited[at] ?? '').replace(
        pattern,
        (_, indent: string, comment: string) => `${indent}${assignment(key, value)}${comment}`,
      );
      insertAt = at + 1;
    } else {
      edited.splice(insertAt, 0, assignment(key, value) + ending);
      insertAt += 1;
      end += 1;
    }
  }
  return edited;
}

export function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Deep equality of parsed TOML, where the order of keys means nothing. */
function sameTables(a: unknown, b: unknown): boolean {
  if (isTable(a) && isTable(b) && !(a instanceof Date)) {
    const keys = Object.keys(a);
    return (
      keys.length === Object.keys(b).length &&
      keys.every((key) => Object.hasOwn(b, key) && sameTables(a[key], b[key]))
    );
  }
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((value, index) => sameTables(value, b[index]));
  return Object.is(a, b) || String(a) === String(b);
}
