import { RUNTIME_VARIABLES } from '@pegasus-workflows/contracts';
import { SDK_VERSION } from '../version.js';

/** The part of `fetch` the client uses: the platform's own, or one that a test or a proxy supplies. */
export type FetchLike = (url: string, init: RequestInit) => Promise<Response>;

export interface PegasusClientOptions {
  /** `http(s)://host[:port][/prefix]`, without `/api/v1`. */
  baseUrl: string;
  /** An API key (`vnd_…`) or a runtime token; a function is asked before every attempt, for tokens that are renewed. */
  token: string | (() => string | Promise<string>);
  fetch?: FetchLike | undefined;
  /** Longest time one attempt may take, in milliseconds; default 30 000. */
  timeoutMs?: number | undefined;
  /** Further attempts of a call that is safe to repeat; default 4. 0 switches retries off. */
  maxRetries?: number | undefined;
  /** Put before the SDK's own name; browsers send their own instead. */
  userAgent?: string | undefined;
}

/** Options of one call. */
export interface CallOptions {
  /** Ends the call at once, also while it waits to try again; the promise rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** Longest time one attempt may take, in milliseconds. */
  timeoutMs?: number | undefined;
}

/** {@link PegasusClientOptions}, checked and completed. */
export interface ResolvedOptions {
  baseUrl: string;
  token: () => Promise<string>;
  fetch: FetchLike;
  timeoutMs: number;
  maxRetries: number;
  userAgent: string;
}

/** Checks options and fills in defaults. Throws a TypeError that names the option; never one that shows the token. */
export function resolveOptions(options: PegasusClientOptions): ResolvedOptions {
  const { timeoutMs = 30_000, maxRetries = 4, userAgent } = options;
  if (!(Number.isFinite(timeoutMs) && timeoutMs > 0))
    throw new TypeError('PegasusClient: timeoutMs must be a positive number of milliseconds.');
  if (!(Number.isInteger(maxRetries) && maxRetries >= 0))
    throw new TypeError('PegasusClient: maxRetries must be a whole number, 0 or more.');
  const own = `pegasus-workflows-sdk/${SDK_VERSION}`;
  const { token } = options;
  if (typeof token !== 'function') checkToken(token);
  return {
    baseUrl: checkBaseUrl(options.baseUrl),
    token: async () => checkToken(typeof token === 'function' ? await token() : token),
    // Called unbound, a browser's fetch throws "Illegal invocation".
    fetch: options.fetch ?? ((url, init) => globalThis.fetch(url, init)),
    timeoutMs,
    maxRetries,
    userAgent: userAgent ? `${userAgent} ${own}` : own,
  };
}

function checkBaseUrl(value: string): string {
  let url: URL;
  try {
    url = new URL(value);
  } catch {
    throw new TypeError('PegasusClient: baseUrl must be a URL such as http://localhost:3000.');
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new TypeError('PegasusClient: baseUrl must begin with http:// or https://.');
  if (url.username || url.password)
    throw new TypeError(
      'PegasusClient: baseUrl must not hold a user name or password; give the token as `token`.',
    );
  if (url.search || url.hash)
    throw new TypeError('PegasusClient: baseUrl must not hold a query or a fragment.');
  return url.href.replace(/\/+$/, '');
}

/** `fetch` quotes a header it cannot send, and would so print the token: such a token never reaches it. */
function checkToken(token: unknown): string {
  if (typeof token !== 'string' || token === '')
    throw new TypeError('PegasusClient: token must be a non-empty string.');
  if (!/^[\x21-\x7e]+$/.test(token))
    throw new TypeError(
      'PegasusClient: token holds white space or a character that no token has; look for a stray newline.',
    );
  return token;
}

/**
 * Reads the runtime variables; throws an Error that names every missing one. The token is read again before every
 * attempt, because the platform renews it while an activity runs.
 */
export function runtimeOptions(env: Record<string, string | undefined>): {
  baseUrl: string;
  token: () => string;
} {
  const baseUrl = env[RUNTIME_VARIABLES.baseUrl];
  if (baseUrl && env[RUNTIME_VARIABLES.token]) {
    return { baseUrl, token: () => env[RUNTIME_VARIABLES.token] ?? refuse([RUNTIME_VARIABLES.token]) };
  }
  return refuse([RUNTIME_VARIABLES.baseUrl, RUNTIME_VARIABLES.token].filter((name) => !env[name]));
}

function refuse(missing: readonly string[]): never {
  throw new Error(
    `PegasusClient.fromRuntime: ${missing.join(' and ')} ${missing.length > 1 ? 'are' : 'is'} not set. ` +
      'The platform sets both while one of your activities runs: call it inside the activity; elsewhere use new PegasusClient({ baseUrl, token }).',
  );
}
