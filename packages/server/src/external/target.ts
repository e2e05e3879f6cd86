import { PegasusError, type callExternalBodySchema } from '@pegasus-workflows/contracts';
import { type z } from 'zod';

type CallBody = z.output<typeof callExternalBodySchema>;

/** As often as somebody behind the other side may decode a path before reading it. */
const DECODINGS = 3;

/**
 * The URL of a call: `path` below `baseUrl`, which it cannot leave, however it is encoded. Throws VALIDATION_ERROR for
 * a path that might, or that cannot be a path.
 */
export function targetOf(baseUrl: string, path: string, query: CallBody['query'] = {}): URL {
  const base = new URL(baseUrl);
  if (!path.startsWith('/') || path.startsWith('//')) throw refused('must begin with one "/"');
  if (/[?#]/.test(path)) throw refused('must hold neither "?" nor "#"; give the query as query');
  if (/[\\\x00-\x20\x7f]/.test(path)) throw refused('must hold no spaces, control characters or backslashes');
  for (const segment of path.split('/')) checkSegment(segment);
  const prefix = base.pathname.replace(/\/+$/, '');
  const url = new URL(base.origin);
  url.pathname = prefix + path;
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) url.searchParams.append(name, String(one));
  }
  if (url.origin !== base.origin || !url.pathname.startsWith(`${prefix}/`)) {
    throw refused('must stay below the base URL of the connection');
  }
  return url;
}

/** No segment is, or becomes when it is decoded, one that goes up. */
function checkSegment(segment: string): void {
  let decoded = segment;
  for (let i = 0; i <= DECODINGS; i += 1) {
    if (decoded.split(/[/\\]/).some((part) => part === '.' || part === '..')) {
      throw refused('must not hold "." or ".." between slashes, also not encoded');
    }
    const next = decodedOnce(decoded, i === 0);
    if (next === decoded) return;
    decoded = next;
  }
}

function decodedOnce(text: string, isFirst: boolean): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // What was encoded twice may well decode to a lone "%".
    if (isFirst) throw refused('holds a "%" that encodes nothing; write %25 for a percent sign');
    return text;
  }
}

function refused(why: string): PegasusError {
  return new PegasusError('VALIDATION_ERROR', `path: ${why}.`);
}
