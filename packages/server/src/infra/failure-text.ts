import { type RunFailure } from './temporal.js';

/** Longest error message of a row or a timeline entry, in UTF-16 code units. */
export const FAILURE_TEXT_MAX = 2_000;

/** Bounds on what a tenant can have us look through. */
const FRAMES_MAX = 100;
const FRAME_LENGTH_MAX = 500;

const FRAME = /^\s*at (?:.*? \()?(?:file:\/\/|webpack:\/\/\/?)?([^()\s][^()]*?):(\d+):\d+\)?\s*$/;
const NOT_THE_AUTHORS = /node_modules|^node:|^internal\/|<anonymous>|^native|^evalmachine|^\[eval/;

/** What looks like one of our keys, a bearer token or a URL's password must not leave in a message. */
const SECRETS: [RegExp, string][] = [
  [/\bvnd_[A-Za-z0-9_-]{6,}/g, 'vnd_[redacted]'],
  [/\b(bearer)\s+[A-Za-z0-9._~+/=-]{8,}/gi, '$1 [redacted]'],
  [/\b([a-z][a-z0-9+.-]{0,20}:\/\/[^\s:/@]*):[^\s@/]+@/gi, '$1:[redacted]@'],
];

/**
 * The author's `file:line` of a stack trace: the first frame that is neither Node's nor a dependency's. Of an absolute
 * path only the last two segments are kept, so that no machine's folders show.
 */
export function authorLocation(stackTrace: string): string | undefined {
  for (const line of stackTrace.slice(0, FRAMES_MAX * FRAME_LENGTH_MAX).split('\n', FRAMES_MAX)) {
    const match = line.length <= FRAME_LENGTH_MAX ? FRAME.exec(line) : null;
    if (!match || NOT_THE_AUTHORS.test(match[1]!)) continue;
    const path = match[1]!.replaceAll('\\', '/').replace(/^(?:\.\/)+/, '');
    const absolute = path.startsWith('/') || /^[A-Za-z]:\//.test(path) || path.startsWith('../');
    return `${absolute ? path.split('/').slice(-2).join('/') : path}:${match[2]}`;
  }
  return undefined;
}

/** Makes any text one printable line of at most {@link FAILURE_TEXT_MAX} characters, secrets blotted out. */
export function oneLine(text: string, max: number = FAILURE_TEXT_MAX): string {
  let line = text
    .slice(0, 4 * FAILURE_TEXT_MAX)
    .replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .trim();
  for (const [pattern, replacement] of SECRETS) line = line.replace(pattern, replacement);
  line = Buffer.from(line, 'utf8').toString('utf8'); // lone surrogates cannot be stored
  return line.length <= max ? line : `${line.slice(0, max - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
}

function describe(failure: RunFailure): string {
  switch (failure.kind) {
    case 'application': {
      const named = failure.type && failure.type !== 'Error' && !failure.message.startsWith(failure.type);
      return `${named ? `${failure.type}: ` : ''}${failure.message || 'failed without a message'}`;
    }
    case 'timeout':
      return failure.type ? `timed out (${failure.type})` : failure.message || 'timed out';
    case 'canceled':
      return failure.message || 'was cancelled';
    case 'terminated':
      return failure.message || 'was terminated';
    case 'server':
    case 'activity':
    case 'child':
    case 'nexus':
    case 'other':
      return failure.message || 'failed without a message';
  }
}

/**
 * One line that tells an author what went wrong: the root cause's message, the activity or child it happened in, and
 * the author's `file:line` nearest to the root.
 */
export function failureSentence(failure: RunFailure): string {
  const chain: RunFailure[] = [];
  for (let at: RunFailure | undefined = failure; at && chain.length < 32; at = at.cause) chain.push(at);
  const root = chain.at(-1)!;
  const place = chain
    .toReversed()
    .find((link) => (link.kind === 'activity' || link.kind === 'child') && link.type);
  const location = chain
    .toReversed()
    .map((link) => authorLocation(link.stackTrace))
    .find((found) => found !== undefined);
  const inside =
    place && place !== root ? `${place.kind === 'child' ? 'child workflow ' : ''}${place.type}: ` : '';
  const where = location ? ` (${location})` : '';
  return `${oneLine(`${inside}${describe(root)}`, FAILURE_TEXT_MAX - where.length)}${where}`;
}
