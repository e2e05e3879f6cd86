import { PegasusError } from '@pegasus-workflows/contracts';

/** One request of a call; a redirect makes another. */
export interface Hop {
  url: URL;
  method: string;
  headers: Record<string, string>;
  body: string | Uint8Array | undefined;
}

const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** What another origin may be told. Anything else may be a credential: many APIs take their key in a header of their own. */
const HARMLESS = new Set(['accept', 'accept-language', 'user-agent', 'content-type']);
const ABOUT_THE_BODY = new Set(['content-type', 'content-encoding', 'content-language']);

/**
 * Where an answer sends the call; `undefined` when the answer is the end of it. As browsers do: 303 becomes a GET, 301
 * and 302 make a GET of a POST, 307 and 308 repeat the request. Throws UPSTREAM_ERROR for a redirect that would take
 * the call from https to http, a body or a mutation to another origin, or that cannot be read.
 */
export function nextHop(
  hop: Hop,
  answer: { status: number; headers: Record<string, string> },
): Hop | undefined {
  const location = answer.headers['location'];
  if (!REDIRECTS.has(answer.status) || location === undefined) return undefined;
  const refuse = (why: string): never => {
    throw new PegasusError(
      'UPSTREAM_ERROR',
      `The call to ${JSON.stringify(hop.url.host)} failed: it redirects ${why}.`,
    );
  };
  if (!URL.canParse(location, hop.url.href)) return refuse('to what is not a URL');
  const url = new URL(location, hop.url);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return refuse('to what is not http');
  if (url.username !== '' || url.password !== '') return refuse('to a URL with a password');
  if (hop.url.protocol === 'https:' && url.protocol === 'http:') return refuse('from https to http');
  const isRead = hop.method === 'GET' || hop.method === 'HEAD';
  const becomesGet =
    answer.status === 303
      ? !isRead
      : hop.method === 'POST' && (answer.status === 301 || answer.status === 302);
  const sameOrigin = url.origin === hop.url.origin;
  if (!sameOrigin && !isRead && !becomesGet) return refuse('a call that changes something to another host');
  const kept = Object.entries(hop.headers).filter(([name]) => {
    const lower = name.toLowerCase();
    return (sameOrigin || HARMLESS.has(lower)) && !(becomesGet && ABOUT_THE_BODY.has(lower));
  });
  return {
    url,
    method: becomesGet ? 'GET' : hop.method,
    headers: Object.fromEntries(kept),
    body: becomesGet || !sameOrigin ? undefined : hop.body,
  };
}
