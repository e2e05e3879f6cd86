import { z } from 'zod';

/** Numbers of a path. */
const PATH_CHARACTERS = 256;
const PATH_SEGMENTS = 20;

/** Stands for every element of a list, in the paths of rules and fields. */
export const EACH_ELEMENT = '*';

/** Where a value is in a JSON document: own keys, and places in lists as numbers. */
export interface RecordPath {
  /** Whether it was written `$.a.b`: from the whole record, also inside `$each`. */
  fromRoot: boolean;
  segments: readonly string[];
}

/** `name` or `["any name"]`, one after the other. */
const SEGMENT = /(?:^|\.)([^\s.[\]{}"]+)|\[("(?:[^"\\]|\\.)*")\]/y;

/** Reads `a.b`, `lines.0.sku`, `party["tax id"]` or `$.a.b`; `undefined` for anything else. */
export function parseRecordPath(text: string): RecordPath | undefined {
  if (text.length > PATH_CHARACTERS) return undefined;
  const fromRoot = text.startsWith('$.');
  const rest = fromRoot ? text.slice(2) : text;
  const segments: string[] = [];
  SEGMENT.lastIndex = 0;
  while (SEGMENT.lastIndex < rest.length) {
    const match = SEGMENT.exec(rest);
    if (!match) return undefined;
    const segment = match[1] ?? unquoted(match[2]!);
    if (segment === undefined || segment === '__proto__') return undefined;
    segments.push(segment);
  }
  return segments.length > 0 && segments.length <= PATH_SEGMENTS ? { fromRoot, segments } : undefined;
}

/** The inverse of {@link parseRecordPath} for a path that is not from the root. */
export function formatRecordPath(segments: readonly string[]): string {
  return segments
    .map((segment, at) =>
      /^[^\s.[\]{}"]+$/.test(segment) ? `${at > 0 ? '.' : ''}${segment}` : `[${JSON.stringify(segment)}]`,
    )
    .join('');
}

/** RFC 6901. */
export function jsonPointer(segments: readonly (string | number)[]): string {
  return segments
    .map((segment) => `/${String(segment).replaceAll('~', '~0').replaceAll('/', '~1')}`)
    .join('');
}

function unquoted(text: string): string | undefined {
  try {
    return JSON.parse(text) as string;
  } catch {
    return undefined;
  }
}

const EXAMPLES = 'a path such as customer.name, lines.0.sku or party["tax id"]';

/** A path in a source record: names of keys, and places in lists. */
export const sourcePathSchema = z.string().refine((text) => {
  const path = parseRecordPath(text);
  return path !== undefined && !path.segments.includes(EACH_ELEMENT);
}, `must be ${EXAMPLES}`);

/** A path in a canonical record, in which `*` stands for every element of a list: `lines.*.quantity`. */
export const canonicalPathSchema = z.string().refine((text) => {
  const path = parseRecordPath(text);
  return path !== undefined && !path.fromRoot;
}, `must be ${EXAMPLES}; "*" stands for every element of a list`);
