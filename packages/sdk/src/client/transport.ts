import { errorBodySchema, retryAfterMs } from '@pegasus-workflows/contracts';
import type { z } from 'zod';
import { backoffMs, delay, type RetryPolicy } from './backoff.js';
import {
  PegasusApiError,
  PegasusConnectionError,
  PegasusDecodeError,
  PegasusTimeoutError,
  isPegasusApiError,
  isPegasusConnectionError,
  isPegasusTimeoutError,
} from './errors.js';
import type { CallOptions, ResolvedOptions } from './options.js';

/**
 * Job: one call of the API: request, time limit, retries, decoding, errors.
 *
 * Boundary: knows HTTP and the envelope; what the calls mean, and which are safe to repeat, its callers know.
 *
 * Invariants
 * 1. The token goes to the base URL alone: never to a presigned URL, never across a redirect, never into an error.
 * 2. A call is repeated only when its caller said `repeatable`, on 429, 502, 503, 504, a broken connection or a passed
 *    time limit, and never on a code that answers the same on every repeat ({@link FINAL_CODES}).
 * 3. All waiting of one call ends within its {@link RetryPolicy}; a longer `Retry-After` fails at once and is reported.
 * 4. An aborted signal ends the call at once, in flight or between attempts, with the signal's own reason.
 */
export class Transport {
  readonly #options: ResolvedOptions;

  constructor(options: ResolvedOptions) {
    this.#options = options;
  }

  get baseUrl(): string {
    return this.#options.baseUrl;
  }
  get defaultRetry(): RetryPolicy {
    return { maxRetries: this.#options.maxRetries, budgetMs: 60_000 };
  }

  /** Calls `path` below the base URL and decodes the whole JSON body of a success. */
  async json<T extends z.ZodType>(call: ApiCall, schema: T, options: CallOptions = {}): Promise<z.output<T>> {
    return this.#call(call, options, async (response) => decode(await response.text(), schema, call));
  }

  /** As {@link json}, and where what was made is to be found: the `Location` of the answer, if it has one. */
  async created<T extends z.ZodType>(
    call: ApiCall,
    schema: T,
    options: CallOptions = {},
  ): Promise<{ body: z.output<T>; location: string | undefined }> {
    return this.#call(call, options, async (response) => ({
      body: decode(await response.text(), schema, call),
      location: response.headers.get('location') ?? undefined,
    }));
  }

  /** Calls `path` below the base URL; a success has no body that matters. */
  async empty(call: ApiCall, options: CallOptions = {}): Promise<void> {
    return this.#call(call, options, async (response) => void (await response.arrayBuffer()));
  }

  /**
   * Opens a stream of text below the base URL, once; undefined when there is nothing more to stream (204). Its head must
   * come within the time limit of a call, and its pieces at most `silenceMs` apart. Leaving the loop closes it; a lost
   * connection is a PegasusConnectionError, silence a PegasusTimeoutError.
   */
  async stream(
    path: string,
    {
      signal,
      headers,
      silenceMs,
    }: { signal?: AbortSignal | undefined; headers: Record<string, string>; silenceMs: number },
  ): Promise<AsyncGenerator<string, void> | undefined> {
    const call: ApiCall = { method: 'GET', path, repeatable: false };
    const cut = new AbortController();
    const onAbort = (): void => cut.abort();
    signal?.addEventListener('abort', onAbort, { once: true });
    const body = await this.#openStream(call, { signal, headers }, cut).catch((error: unknown) => {
      signal?.removeEventListener('abort', onAbort);
      throw error;
    });
    return body && piecesOf(body, { call, cut, silenceMs, signal, onAbort });
  }

  async #openStream(
    call: ApiCall,
    { signal, headers }: { signal?: AbortSignal | undefined; headers: Record<string, string> },
    cut: AbortController,
  ): Promise<ReadableStream<Uint8Array> | undefined> {
    const init: RequestInit = {
      method: call.method,
      redirect: 'manual',
      headers: {
        Accept: 'text/event-stream',
        'User-Agent': this.#options.userAgent,
        Authorization: `Bearer ${await this.#options.token()}`,
        ...headers,
      },
    };
    const url = `${this.#options.baseUrl}${call.path}`;
    return this.#attempt(
      url,
      init,
      call,
      { signal },
      async (response) => {
        refuseRedirect(response, call);
        if (!response.ok) throw await apiError(response, call);
        return response.status === 204 ? undefined : (response.body ?? undefined);
      },
      cut,
    );
  }

  /** `read` takes the answer of a success. */
  async #call<T>(call: ApiCall, options: CallOptions, read: (response: Response) => Promise<T>): Promise<T> {
    return this.#repeat(call, options, async () => {
      const headers: Record<string, string> = {
        Accept: 'application/json',
        'User-Agent': this.#options.userAgent,
      };
      if (!call.anonymous) headers['Authorization'] = `Bearer ${await this.#options.token()}`;
      if (call.idempotencyKey) headers['Idempotency-Key'] = call.idempotencyKey;
      if (call.ifMatch !== undefined) headers['If-Match'] = call.ifMatch;
      if (call.ifNoneMatch !== undefined) headers['If-None-Match'] = call.ifNoneMatch;
      const init: RequestInit = { method: call.method, headers, redirect: 'manual' };
      if (call.body !== undefined) {
        headers['Content-Type'] = 'application/json';
        init.body = JSON.stringify(call.body);
      }
      const url = `${this.#options.baseUrl}${call.path}`;
      return this.#attempt(url, init, call, options, async (response) => {
        refuseRedirect(response, call);
        if (!response.ok) throw await apiError(response, call);
        return read(response);
      });
    });
  }

  /** Calls a presigned URL, without credentials; `read` takes the successful answer's body. */
  async presigned<T>(
    url: string,
    call: ApiCall,
    init: RequestInit,
    read: (response: Response) => Promise<T>,
    options: CallOptions = {},
  ): Promise<T> {
    return this.#repeat(call, options, () =>
      this.#attempt(url, { ...init, method: call.method }, call, options, async (response) => {
        if (!response.ok) throw await apiError(response, call);
        return read(response);
      }),
    );
  }

  /** One attempt, body included, within its time limit (invariant 4). */
  async #attempt<T>(
    url: string,
    init: RequestInit,
    call: ApiCall,
    options: CallOptions,
    read: (response: Response) => Promise<T>,
    limit = new AbortController(),
  ): Promise<T> {
    const timeoutMs = options.timeoutMs ?? this.#options.timeoutMs;
    const timer = setTimeout(() => limit.abort(), timeoutMs);
    const onAbort = () => limit.abort();
    options.signal?.addEventListener('abort', onAbort, { once: true });
    try {
      return await read(await this.#options.fetch(url, { ...init, signal: limit.signal }));
    } catch (error) {
      options.signal?.throwIfAborted();
      if (isPegasusApiError(error) || error instanceof PegasusDecodeError) throw error;
      if (isPegasusConnectionError(error)) throw error;
      const where = `${describe(call)} at ${new URL(url).origin}`;
      if (limit.signal.aborted)
        throw new PegasusTimeoutError(`${where}: no answer within ${timeoutMs} ms.`, { timeoutMs });
      throw new PegasusConnectionError(`${where}: ${reasonOf(error)}.`, { cause: error });
    } finally {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', onAbort);
    }
  }

  /** Invariants 2 and 3. */
  async #repeat<T>(call: ApiCall, options: CallOptions, attempt: () => Promise<T>): Promise<T> {
    const policy = call.retry ?? this.defaultRetry;
    const deadline = Date.now() + policy.budgetMs;
    for (let retry = 0; ; retry++) {
      options.signal?.throwIfAborted();
      try {
        return await attempt();
      } catch (error) {
        if (!call.repeatable || retry >= policy.maxRetries || !isTransient(error)) throw error;
        const asked = isPegasusApiError(error) ? error.retryAfterMs : undefined;
        const wait = Math.max(asked ?? 0, backoffMs(retry));
        if (Date.now() + wait > deadline) throw error;
        await delay(wait, options.signal);
      }
    }
  }
}

interface Reading {
  call: ApiCall;
  /** Closes the connection. */
  cut: AbortController;
  silenceMs: number;
  signal: AbortSignal | undefined;
  onAbort: () => void;
}

async function* piecesOf(
  body: ReadableStream<Uint8Array>,
  { call, cut, silenceMs, signal, onAbort }: Reading,
): AsyncGenerator<string, void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let isSilent = false;
  try {
    for (;;) {
      const timer = setTimeout(() => {
        isSilent = true;
        cut.abort();
      }, silenceMs);
      const { done, value } = await reader.read().finally(() => clearTimeout(timer));
      if (done) return;
      yield decoder.decode(value, { stream: true });
    }
  } catch (error) {
    signal?.throwIfAborted();
    if (isSilent)
      throw new PegasusTimeoutError(`${describe(call)}: nothing came for ${silenceMs} ms.`, {
        timeoutMs: silenceMs,
      });
    throw new PegasusConnectionError(`${describe(call)}: ${reasonOf(error)}.`, { cause: error });
  } finally {
    signal?.removeEventListener('abort', onAbort);
    cut.abort();
  }
}

/** One endpoint, as its caller asks for it. */
export interface ApiCall {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below the base URL, with its query; shown in errors, so never with a signature. */
  path: string;
  body?: unknown;
  /** Whether an attempt that may or may not have taken effect may be made again. */
  repeatable: boolean;
  idempotencyKey?: string | undefined;
  /** Conditions on what is there: `*`, or a tag in its quotes. */
  ifMatch?: string | undefined;
  ifNoneMatch?: string | undefined;
  anonymous?: boolean;
  retry?: RetryPolicy;
}

/** Codes on transient statuses that a repeat cannot change: the run's row is already FAILED; the day is not over. */
const FINAL_CODES = new Set(['TEMPORAL_START_FAILED', 'DAILY_QUOTA_EXCEEDED']);
const TRANSIENT_STATUSES = new Set([429, 502, 503, 504]);

/** Whether the same call may fare better a moment later, as far as the failure tells. */
export function isTransient(error: unknown): boolean {
  if (isPegasusApiError(error)) return TRANSIENT_STATUSES.has(error.status) && !FINAL_CODES.has(error.code);
  return isPegasusConnectionError(error) || isPegasusTimeoutError(error);
}

function describe(call: ApiCall): string {
  return `${call.method} ${call.path}`;
}

function refuseRedirect(response: Response, call: ApiCall): void {
  // Browsers hide a redirect they were told not to follow: status 0, type "opaqueredirect".
  if (response.type !== 'opaqueredirect' && (response.status < 300 || response.status > 399)) return;
  throw new PegasusConnectionError(
    `${describe(call)}: the server redirects elsewhere, and the token must not follow.`,
    {
      hint: 'Use the address it redirects to as the base URL (often https:// in place of http://).',
    },
  );
}

async function apiError(response: Response, call: ApiCall): Promise<PegasusApiError> {
  const retryAfter = retryAfterMs(response.headers.get('retry-after'), Date.now());
  const body = errorBodySchema.safeParse(parseJson(await response.text()));
  if (body.success) return new PegasusApiError(response.status, body.data, retryAfter);
  const error = `${describe(call)}: the server answered HTTP ${response.status} without an error body of the Pegasus API.`;
  return new PegasusApiError(response.status, { error, code: `HTTP_${response.status}` }, retryAfter);
}

function decode<T extends z.ZodType>(text: string, schema: T, call: ApiCall): z.output<T> {
  const body = parseJson(text);
  if (body === undefined)
    throw new PegasusDecodeError(`${describe(call)}: the answer is not JSON.`, { field: '' });
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const field = issue.path.join('.');
  throw new PegasusDecodeError(
    `${describe(call)}: ${field || 'the answer'} is not as agreed: ${issue.message}.`,
    {
      field,
    },
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** undici hides the socket's failure in `cause`, and several of them (IPv4, IPv6) in an AggregateError without a message. */
function reasonOf(error: unknown): string {
  let current = error;
  for (let depth = 0; depth < 4 && current instanceof Error; depth++) {
    if ('code' in current && typeof current.code === 'string') return current.message || current.code;
    if (current.cause === undefined) break;
    current = current.cause;
  }
  return current instanceof Error ? current.message || current.name : 'the connection failed';
}
