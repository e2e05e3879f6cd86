/**
 * Job: the connection of one worker's calls to the Temporal cluster, with the credentials that no worker sees.
 *
 * Boundary: unary calls; HTTP/2 is `http2/`'s, and retries are the SDK's. A connection per worker: what one tenant sends
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
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, TLSSocket } from 'node:tls';
import { status } from '@grpc/grpc-js';
import { connectionOptions, type Options, type TemporalTarget } from '../connection-options.js';
import { backoffMs } from '../backoff.js';
import { CallFailed, failureOf, frame, SERVICE_PATH, timeoutHeader, unframe } from './grpc.js';
import { Connection } from './http2/connection.js';
import { ErrorCode } from './http2/frames.js';
import { type Headers } from './http2/header-decoder.js';
import { type Field } from './http2/header-encoder.js';
import { type StreamListener } from './http2/stream.js';
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
const MAX_HEADER_BYTES = 1024 * 1024;

/** Connects when first called, and again whenever the connection is lost. */
export function connectUpstream(target: TemporalTarget): Upstream {
  return new Http2Upstream(target);
}

class Http2Upstream implements Upstream {
  readonly #dial: () => Socket;
  /** Of every call, after its path. */
  readonly #head: readonly Field[];
  /** The newest last; the ones before it are leaving. */
  readonly #connections = new Set<Connection>();
  #newest: Connection | undefined;
  #failures = 0;
  #retryAt = 0;
  #closed = false;
  #grace: NodeJS.Timeout | undefined;

  constructor(target: TemporalTarget) {
    const { address, apiKey, tls } = connectionOptions(target);
    const scheme = tls ? 'https' : 'http';
    const { hostname, port } = new URL(`${scheme}://${address}`);
    const place = { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(port || (tls ? 443 : 80)) };
    this.#dial = () => (tls ? dialTls(place, tls) : connectTcp(place));
    this.#head = [
      [':method', 'POST', 'again'],
      [':scheme', scheme, 'again'],
      [':authority', tls?.serverNameOverride ?? address, 'again'],
      ['content-type', 'application/grpc', 'again'],
      ['te', 'trailers', 'again'],
      ['user-agent', 'pegasus-gateway', 'again'],
      ['temporal-namespace', target.namespace, 'again'],
      ...(apiKey === undefined ? [] : [['authorization', `Bearer ${apiKey}`, 'secret'] as const]),
    ];
  }

  call(method: string, request: Uint8Array, context: CallContext): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const stream = this.#connected().open();
      stream.listener = new Answer(resolve, reject);
      stream.send({ head: this.#headFor(method, context), body: frame(request) });
      context.whenAbandoned?.(() => stream.reset(ErrorCode.cancel));
    });
  }

  close(): void {
    this.#closed = true;
    for (const connection of this.#connections) connection.leave();
    if (this.#connections.size === 0) return;
    this.#grace = setTimeout(() => {
      for (const connection of this.#connections) connection.destroy();
    }, CLOSE_GRACE_MS);
  }

  /** Invariant 2. */
  #connected(): Connection {
    if (this.#newest?.usable) return this.#newest;
    if (this.#closed || performance.now() < this.#retryAt) throw lost();
    const socket = this.#dial();
    let established = false;
    const timeout = setTimeout(() => connection.destroy(), CONNECT_TIMEOUT_MS);
    let unanswered = false;
    const ping = setInterval(() => {
      if (unanswered) return connection.destroy();
      unanswered = true;
      connection.ping(() => (unanswered = false));
    }, PING_INTERVAL_MS);
    const connection = new Connection(socket, {
      role: 'client',
      windowBytes: WINDOW_BYTES,
      maxHeaderBytes: MAX_HEADER_BYTES,
      onClose: () => {
        clearTimeout(timeout);
        clearInterval(ping);
        this.#connections.delete(connection);
        if (this.#connections.size === 0) clearTimeout(this.#grace);
        if (established) return;
        this.#failures++;
        this.#retryAt = performance.now() + backoffMs(this.#failures, RECONNECT);
      },
    });
    socket.setNoDelay(true);
    socket.once(socket instanceof TLSSocket ? 'secureConnect' : 'connect', () => {
      clearTimeout(timeout);
      established = true;
      this.#failures = 0;
    });
    this.#connections.add(connection);
    this.#newest = connection;
    return connection;
  }

  #headFor(method: string, { headers, deadline }: CallContext): Field[] {
    const head: Field[] = [
      [':path', SERVICE_PATH + method, 'again'],
      ...this.#head,
      ['grpc-timeout', timeoutHeader(deadline - performance.now()), 'once'],
    ];
    for (const name of PASSED_ON) {
      const value = headers[name];
      if (value !== undefined) head.push([name, value, 'again']);
    }
    return head;
  }
}

function dialTls(place: { host: string; port: number }, tls: NonNullable<Options['tls']>): Socket {
  const name = tls.serverNameOverride ?? (isIP(place.host) ? undefined : place.host);
  const socket = connectTls({
    ...place,
    ALPNProtocols: ['h2'],
    ...(name === undefined ? {} : { servername: name }),
    ...(tls.serverRootCACertificate ? { ca: Buffer.from(tls.serverRootCACertificate) } : {}),
    ...(tls.clientCertPair
      ? { cert: Buffer.from(tls.clientCertPair.crt), key: Buffer.from(tls.clientCertPair.key) }
      : {}),
  });
  socket.once('secureConnect', () => {
    if (socket.alpnProtocol !== 'h2') socket.destroy(new Error('the cluster does not speak HTTP/2'));
  });
  return socket;
}

/** Invariant 4. */
class Answer implements StreamListener {
  #head: Headers | undefined;
  #trailers: Headers | undefined;
  readonly #chunks: Buffer[] = [];

  constructor(
    private readonly resolve: (message: Promise<Uint8Array>) => void,
    private readonly reject: (error: CallFailed) => void,
  ) {}

  onHeaders(headers: Headers): void {
    if (this.#head === undefined) this.#head = headers;
    else this.#trailers = headers;
  }

  onData(chunk: Buffer): void {
    this.#chunks.push(chunk);
  }

  onEnd(): void {}

  onClosed(code: number): void {
    const head = this.#head;
    const said = this.#trailers ?? (head && 'grpc-status' in head ? head : undefined);
    if (!said) return this.reject(brokenOff(code, Number(head?.[':status'])));
    const failure = failureOf(said);
    if (failure) return this.reject(failure);
    const body = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
    this.resolve(unframe(body, undefined));
  }
}

/** What a stream that ended without a status means. */
function brokenOff(code: number, httpStatus: number): CallFailed {
  if (code === ErrorCode.enhanceYourCalm)
    return CallFailed.of(status.RESOURCE_EXHAUSTED, 'Temporal takes no more calls now');
  if (httpStatus === 401 || httpStatus === 403)
    return CallFailed.of(status.UNAUTHENTICATED, 'Temporal refused the platform’s credentials');
  return lost();
}

function lost(): CallFailed {
  return CallFailed.of(status.UNAVAILABLE, 'Temporal cannot be reached now');
}
