import { lookup } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';
import { PegasusError } from '@pegasus-workflows/contracts';
import { Client, type Dispatcher } from 'undici';
import { checkAddresses, checkUrl, type EgressPolicy } from './egress.js';
import { readBody } from './safe-fetch-body.js';
import { nextHop, type Hop } from './safe-fetch-redirect.js';
import { checkHeaders, checkMethod } from './safe-fetch-headers.js';

/**
 * Job: one HTTP call to a place that a tenant named, that cannot be turned against the platform's own network.
 *
 * Boundary: the only way out for URLs of tenants. What may be reached is said by `egress.ts`; meaning is the caller's.
 *
 * Invariants
 * 1. A connection is made to an address that was checked, and to no other: the host is resolved once per hop, every
 *    address is checked, and the connection is pinned to them. A name that answers differently a moment later gains nothing.
 * 2. A redirect is a new hop: resolved, checked and pinned again; what the caller sent stays with its origin.
 * 3. Never more than `maxResponseBytes` are kept, counted after decompression, and nothing lasts beyond `timeoutMs`.
 * 4. One connection per call: none is shared between tenants, and none that the other side has just closed is used
 *    for a call that may not be repeated.
 * 5. No header value and no body is in any error.
 */
export interface SafeFetchOptions {
  /** Default GET. */
  method?: string;
  headers?: Record<string, string>;
  body?: string | Uint8Array | undefined;
  /** For all of it: resolving, connecting, redirects, the last byte. */
  timeoutMs: number;
  /** Largest body of the answer, decompressed. */
  maxResponseBytes: number;
  /** What a 3xx with a `Location` is: a failure, another hop, or the answer. */
  redirect: 'error' | 'follow' | 'manual';
  /** Default 5. */
  maxRedirects?: number;
  /** Where `follow` may go; a redirect to elsewhere is the answer. Unless given, everywhere that the policy allows. */
  mayFollow?: (url: URL) => boolean;
  signal?: AbortSignal | undefined;
}

export interface SafeResponse {
  status: number;
  /** Lower-case names; a header that came several times is joined with `, `. */
  headers: Record<string, string>;
  /** Decompressed. */
  body: Buffer;
  /** Where the answer came from, after redirects. */
  url: string;
}

/**
 * Makes the call. Any status is an answer.
 *
 * Throws VALIDATION_ERROR for a URL, method or header that cannot be sent; EXTERNAL_ADDRESS_REFUSED for a host outside
 * of the policy; UPSTREAM_ERROR when no whole answer came (no connection, timeout, too large, a redirect that is not
 * followed); the signal's reason once it is aborted.
 */
export async function safeFetch(
  url: string | URL,
  options: SafeFetchOptions,
  policy: EgressPolicy,
): Promise<SafeResponse> {
  const first = parseUrl(url);
  checkMethod(options.method ?? 'GET');
  checkHeaders(options.headers ?? {});
  const deadline = AbortSignal.timeout(options.timeoutMs);
  const signal = options.signal ? AbortSignal.any([deadline, options.signal]) : deadline;
  const start: Hop = {
    url: first,
    method: options.method ?? 'GET',
    headers: options.headers ?? {},
    body: options.body,
  };
  let hop = start;
  const progress = { isSending: false };
  try {
    for (let followed = 0; ; followed += 1) {
      const answer = await callOnce(hop, options, policy, signal, progress);
      const next = options.redirect === 'manual' ? undefined : nextHop(hop, answer);
      if (!next || (options.redirect === 'follow' && options.mayFollow?.(next.url) === false)) return answer;
      if (options.redirect === 'error') {
        throw upstreamError(hop.url, 'it answered with a redirect, which this call does not follow');
      }
      if (followed >= (options.maxRedirects ?? 5)) throw upstreamError(hop.url, 'it redirects too often');
      hop = next;
    }
  } catch (error) {
    if (options.signal?.aborted) throw options.signal.reason;
    const told = toldOf(error, hop.url, deadline.aborted ? options.timeoutMs : undefined);
    if (hop === start && (!progress.isSending || NOT_CONNECTED.test(codeOf(error)))) unsent.add(told);
    throw told;
  }
}

export { checkHeaders, checkMethod } from './safe-fetch-headers.js';

const unsent = new WeakSet<PegasusError>();

/** Whether a failure of {@link safeFetch} says for certain that the other side has not got the request. */
export function wasNeverSent(error: unknown): boolean {
  return error instanceof PegasusError && unsent.has(error);
}

function toldOf(error: unknown, url: URL, timedOutAfterMs: number | undefined): PegasusError {
  if (error instanceof PegasusError) return error;
  if (timedOutAfterMs !== undefined)
    return upstreamError(url, `it did not answer within ${timedOutAfterMs} ms`);
  return upstreamError(url, reasonOf(error), error);
}

function parseUrl(url: string | URL): URL {
  // The parser of WHATWG URLs also reads 0x7f.1 and 2130706433 as the addresses they are.
  const parsed = URL.canParse(String(url)) ? new URL(url) : undefined;
  if (!parsed) throw new PegasusError('VALIDATION_ERROR', 'The URL cannot be read.');
  checkUrl(parsed);
  return parsed;
}

async function callOnce(
  hop: Hop,
  options: SafeFetchOptions,
  policy: EgressPolicy,
  signal: AbortSignal,
  progress: { isSending: boolean },
): Promise<SafeResponse> {
  const { url } = hop;
  const addresses = await resolveHost(url, policy, signal);
  checkAddresses(policy, url, addresses);
  const client = new Client(url.origin, {
    connect: { lookup: pinned(addresses), rejectUnauthorized: true, timeout: options.timeoutMs },
    // No keep-alive (invariant 4).
    pipelining: 0,
    headersTimeout: options.timeoutMs,
    bodyTimeout: options.timeoutMs,
    allowH2: false,
  });
  try {
    progress.isSending = true;
    const answer = await client.request({
      path: url.pathname + url.search,
      method: hop.method as Dispatcher.HttpMethod,
      headers: withEncodings(hop.headers),
      ...(hop.body === undefined ? {} : { body: hop.body }),
      signal,
    });
    const headers = flatHeaders(answer.headers);
    const body = await readBody(answer.body, headers, options.maxResponseBytes, signal);
    return { status: answer.statusCode, headers, body, url: url.href };
  } finally {
    // Not awaited: it only takes down a socket that nobody reads any more.
    void client.destroy().catch(() => {});
  }
}

/** What can be unpacked here, unless the caller has named encodings itself, in whatever letters. */
function withEncodings(headers: Record<string, string>): Record<string, string> {
  const isNamed = Object.keys(headers).some((name) => name.toLowerCase() === 'accept-encoding');
  return isNamed ? headers : { 'accept-encoding': 'gzip, br', ...headers };
}

async function resolveHost(url: URL, policy: EgressPolicy, signal: AbortSignal): Promise<string[]> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (isIP(host)) return [host];
  // The operating system's look-up cannot be cancelled: it is left behind.
  const addresses = await orAborted((policy.resolve ?? systemLookup)(host), signal);
  if (addresses.length === 0) throw upstreamError(url, 'its name has no address');
  return addresses;
}

async function systemLookup(hostname: string): Promise<string[]> {
  const found = await lookup(hostname, { all: true, verbatim: true });
  return found.map(({ address }) => address);
}

function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** Answers what was checked, whatever it is asked (invariant 1). A literal address is connected to without asking. */
function pinned(addresses: readonly string[]): LookupFunction {
  const known = addresses.map((address) => ({ address, family: isIP(address) }));
  return (_hostname, options, callback) => {
    const fitting = known.filter(({ family }) => !options.family || options.family === family);
    const [one] = fitting;
    if (!one) callback(new Error('no address of this family'), '', 0);
    else if (options.all) callback(null, fitting);
    else callback(null, one.address, one.family);
  };
}

function flatHeaders(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name.toLowerCase(), Array.isArray(value) ? value.join(', ') : value]],
    ),
  );
}

function upstreamError(url: URL, reason: string, cause?: unknown): PegasusError {
  return new PegasusError('UPSTREAM_ERROR', `The call to ${JSON.stringify(url.host)} failed: ${reason}.`, {
    ...(cause === undefined ? {} : { cause }),
    hint: 'Check that the other side is up and that its address is right, then try again.',
  });
}

const REASONS: Record<string, string> = {
  ENOTFOUND: 'its name is not known',
  EAI_AGAIN: 'its name cannot be resolved at present',
  ECONNREFUSED: 'it refused the connection',
  ECONNRESET: 'it broke the connection',
  UND_ERR_SOCKET: 'it broke the connection',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'it broke off its answer',
  ETIMEDOUT: 'it cannot be reached',
  EHOSTUNREACH: 'it cannot be reached',
  ENETUNREACH: 'it cannot be reached',
  UND_ERR_CONNECT_TIMEOUT: 'it cannot be reached',
  UND_ERR_HEADERS_OVERFLOW: 'the headers of its answer are too large',
};

/** A connection was never there. */
const NOT_CONNECTED =
  /^(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT)$|CERT|SELF_SIGNED|ISSUER|ALTNAME/;
const TLS = /CERT|TLS|SSL|SELF_SIGNED|ISSUER/;

/** In our own words: a library's sentence may hold an address, which is not the tenant's to know. */
function reasonOf(error: unknown): string {
  const code = codeOf(error);
  if (TLS.test(code)) return 'its certificate is not valid';
  if (code.startsWith('HPE_')) return 'its answer is not HTTP';
  return REASONS[code] ?? 'no whole answer came';
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
