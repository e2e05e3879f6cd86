/**
 * Job: the connection of one worker's calls to the Temporal cluster, with the credentials that no worker sees.
 *
 * Boundary: unary calls over Node's own HTTP/2; retries are the SDK's. A connection per worker: what one tenant sends
 * cannot stand in another's way.
 *
 * Invariants
 * 1. Of what a worker says of itself only {@link PASSED_ON} goes on.
 * 2. A connection that is lost, leaving or silent takes no further call; the next call makes a new one, and waits
 *    after failures with backoff.
 * 3. A call that may wait at Temporal is cancelled when its caller abandons it. Any other, once made, goes on to its
 *    end, also after {@link Upstream.close}: what a worker said before it died counts, and a call that is broken off
 *    while Temporal's dev server reads can cost the server its store (`store-watch.ts` of the platform).
 * 4. Every call settles with its stream, and the connection ends {@link CLOSE_GRACE_MS} after `close` at the latest.
 */
import {
  connect,
  constants,
  sensitiveHeaders,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type SecureClientSessionOptions,
} from 'node:http2';
import { status } from '@grpc/grpc-js';
import { connectionOptions, type TemporalTarget } from '../connection-options.js';
import { backoffMs } from '../backoff.js';
import { CallFailed, failureOf, frame, SERVICE_PATH, timeoutHeader, unframe } from './grpc.js';
import { type UnaryCall } from './unary-server.js';

/** What a call that is passed on comes with; one that may wait has whom it waits for. */
export type CallContext = Pick<UnaryCall, 'headers' | 'deadline'> & Partial<Pick<UnaryCall, 'whenAbandoned'>>;

export interface Upstream {
  /** Makes a unary call of WorkflowService. @throws {@link CallFailed} */
  call(method: string, request: Uint8Array, context: CallContext): Promise<Uint8Array>;
  /** Takes no further call; what is under way ends first. */
  close(): void;
}

/** What a worker says of itself that Temporal needs to know; everything else it sends stays here. */
const PASSED_ON = [
  'client-name',
  'client-version',
  'supported-server-versions',
  'temporal-resource-id',
] as const;

const RECONNECT = { baseMs: 100, maxMs: 2_000 };
const CONNECT_TIMEOUT_MS = 10_000;
const CLOSE_GRACE_MS = 10_000;
/** A ping that is not answered until the next one is due ends the connection. */
const PING_INTERVAL_MS = 20_000;
/** A history of megabytes comes in a few round trips. */
const WINDOW_BYTES = 4 * 1024 * 1024;
/** Megabytes that Node lets the connection have buffered: as many as Temporal sends. */
const SESSION_MEMORY_MB = 4_096;

/** Connects when first called, and again whenever the connection is lost. */
export function connectUpstream(target: TemporalTarget): Upstream {
  return new Http2Upstream(target);
}

class Http2Upstream implements Upstream {
  readonly #url: string;
  readonly #options: SecureClientSessionOptions;
  readonly #headers: OutgoingHttpHeaders;
  #session: ClientHttp2Session | undefined;
  #failures = 0;
  #retryAt = 0;
  #closed = false;

  constructor(target: TemporalTarget) {
    const { address, apiKey, tls } = connectionOptions(target);
    this.#url = `${tls ? 'https' : 'http'}://${address}`;
    this.#options = {
      maxSessionMemory: SESSION_MEMORY_MB,
      settings: { initialWindowSize: WINDOW_BYTES, enablePush: false },
      ...(tls?.serverRootCACertificate ? { ca: Buffer.from(tls.serverRootCACertificate) } : {}),
      ...(tls?.clientCertPair
        ? { cert: Buffer.from(tls.clientCertPair.crt), key: Buffer.from(tls.clientCertPair.key) }
        : {}),
      ...(tls?.serverNameOverride ? { servername: tls.serverNameOverride } : {}),
    };
    this.#headers = {
      ':method': 'POST',
      'content-type': 'application/grpc',
      te: 'trailers',
      'user-agent': 'pegasus-gateway',
      'temporal-namespace': target.namespace,
      ...(tls?.serverNameOverride ? { ':authority': tls.serverNameOverride } : {}),
      ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
      // Never in a table that both ends keep.
      [sensitiveHeaders]: ['authorization'],
    };
  }

  call(method: string, request: Uint8Array, context: CallContext): Promise<Uint8Array> {
    let stream: ClientHttp2Stream;
    try {
      stream = this.#connected().request(this.#headersFor(method, context));
    } catch (error) {
      return Promise.reject(error instanceof CallFailed ? error : lost());
    }
    stream.end(frame(request));
    context.whenAbandoned?.(() => stream.close(constants.NGHTTP2_CANCEL));
    return responseOf(stream);
  }

  close(): void {
    this.#closed = true;
    const session = this.#session;
    if (!session || session.connecting) return session?.destroy();
    session.close();
    const grace = setTimeout(() => session.destroy(), CLOSE_GRACE_MS);
    session.once('close', () => clearTimeout(grace));
  }

  /** Invariant 2. */
  #connected(): ClientHttp2Session {
    if (this.#session && !this.#session.closed && !this.#session.destroyed) return this.#session;
    if (this.#closed || performance.now() < this.#retryAt) throw lost();
    const session = connect(this.#url, this.#options);
    this.#session = session;
    const forget = (): void => {
      if (this.#session === session) this.#session = undefined;
    };
    const failed = (): void => {
      this.#failures++;
      this.#retryAt = performance.now() + backoffMs(this.#failures, RECONNECT);
      session.destroy();
    };
    const timeout = setTimeout(failed, CONNECT_TIMEOUT_MS);
    let unanswered = false;
    const ping = setInterval(() => {
      if (session.connecting || session.destroyed) return;
      if (unanswered) return session.destroy();
      unanswered = true;
      session.ping(() => (unanswered = false));
    }, PING_INTERVAL_MS);
    session.once('connect', () => {
      this.#failures = 0;
      clearTimeout(timeout);
      // It may have been given up in the moment that it connected.
      if (!session.destroyed) session.setLocalWindowSize(WINDOW_BYTES * 4);
    });
    // A cluster that wants the connection to end lets the calls on it finish; new ones go to another.
    session.once('goaway', forget);
    session.on('error', () => {
      if (session.connecting) failed();
    });
    session.once('close', () => {
      clearTimeout(timeout);
      clearInterval(ping);
      forget();
    });
    return session;
  }

  #headersFor(method: string, { headers, deadline }: CallContext): OutgoingHttpHeaders {
    const own: OutgoingHttpHeaders = {
      ...this.#headers,
      ':path': SERVICE_PATH + method,
      'grpc-timeout': timeoutHeader(deadline - performance.now()),
    };
    for (const name of PASSED_ON) {
      const value = headers[name];
      if (typeof value === 'string') own[name] = value;
    }
    return own;
  }
}

/** Invariant 3. */
function responseOf(stream: ClientHttp2Stream): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let head: IncomingHttpHeaders = {};
    let trailers: IncomingHttpHeaders | undefined;
    stream.on('error', () => undefined);
    stream.once('response', (headers) => (head = headers));
    stream.once('trailers', (headers) => (trailers = headers));
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.once('close', () => {
      const said = trailers ?? ('grpc-status' in head ? head : undefined);
      if (!said) return reject(brokenOff(stream.rstCode, Number(head[':status'])));
      const failure = failureOf(said);
      if (failure) return reject(failure);
      const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
      unframe(body, undefined).then(resolve, reject);
    });
  });
}

/** What a stream that ended without a status means. */
function brokenOff(code: number | undefined, httpStatus: number): CallFailed {
  if (code === constants.NGHTTP2_ENHANCE_YOUR_CALM)
    return CallFailed.of(status.RESOURCE_EXHAUSTED, 'Temporal takes no more calls now');
  if (httpStatus === 401 || httpStatus === 403)
    return CallFailed.of(status.UNAUTHENTICATED, 'Temporal refused the platform’s credentials');
  return lost();
}

function lost(): CallFailed {
  return CallFailed.of(status.UNAVAILABLE, 'Temporal cannot be reached now');
}
