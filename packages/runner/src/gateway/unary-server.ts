/**
 * Job: gRPC's unary calls on connections that somebody hands in, over Node's own HTTP/2. A gateway adds to the time of
 * every task of every run: this is a third of what a general gRPC server takes.
 *
 * Boundary: knows streams, deadlines and bounds; what a method means, and who may call it, is its owner's.
 *
 * Invariants
 * 1. `admit` is asked before a byte of the request is read.
 * 2. Each call is answered at most once, by its deadline at the latest; what a caller abandons is told to whom serves it.
 * 3. Connections, streams, sizes of headers and messages, and the bytes of all requests under way are bounded.
 * 4. After `close` nothing is served, and its connections are gone.
 */
import {
  constants,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { type Socket } from 'node:net';
import { status } from '@grpc/grpc-js';
import { CallFailed, frame, FRAME_HEAD_BYTES, timeoutMs, unframe } from './grpc.js';

/** A call whose request is there. */
export interface UnaryCall {
  /** The last part of the path. */
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly request: Buffer;
  /** By `performance.now()`. */
  readonly deadline: number;
  /** Told once if the caller gives up before the answer, or its deadline passes. */
  whenAbandoned(listener: () => void): void;
}

export interface UnaryServerOptions {
  /** Path of the service with both slashes: `/package.Service/`. */
  service: string;
  methods: ReadonlySet<string>;
  /** @throws {@link CallFailed} */
  admit: (method: string, headers: IncomingHttpHeaders) => void;
  /** Answers with the serialized response. @throws {@link CallFailed}; anything else is answered as INTERNAL */
  serve: (call: UnaryCall) => Promise<Uint8Array>;
  /** A connection broke in an unusual way. */
  onConnectionError: (error: Error) => void;
  maxConnections: number;
  maxStreams: number;
  /** Of one message. */
  maxRequestBytes: number;
  /** Of all requests that are being read or served. */
  maxBytesUnderWay: number;
}

/** A call without a deadline has this one: longer than any poll of Temporal's. */
const LONGEST_CALL_MS = 5 * 60_000;
const MAX_HEADER_BYTES = 64 * 1024;
/** Megabytes that Node lets one connection have buffered. */
const SESSION_MEMORY_MB = 256;
/** A request of the largest size is here within a few round trips. */
const WINDOW_BYTES = 1024 * 1024;

const ANSWERED = { ':status': 200, 'content-type': 'application/grpc' } as const;

export class UnaryServer {
  readonly #options: UnaryServerOptions;
  readonly #server: Http2Server;
  readonly #sockets = new Set<Socket>();
  readonly #sessions = new Set<ServerHttp2Session>();
  #bytesUnderWay = 0;
  #closed = false;

  constructor(options: UnaryServerOptions) {
    this.#options = options;
    this.#server = createServer({
      maxSessionMemory: SESSION_MEMORY_MB,
      settings: {
        maxConcurrentStreams: options.maxStreams,
        maxHeaderListSize: MAX_HEADER_BYTES,
        initialWindowSize: WINDOW_BYTES,
        enablePush: false,
      },
    });
    this.#server.on('session', (session) => {
      this.#sessions.add(session);
      session.once('close', () => this.#sessions.delete(session));
      session.setLocalWindowSize(4 * WINDOW_BYTES);
    });
    this.#server.on('sessionError', (error: Error) => options.onConnectionError(error));
    this.#server.on('stream', (stream, headers) => this.#onStream(stream, headers));
  }

  /** Serves a connection, or ends it when there are too many. */
  accept(socket: Socket): void {
    if (this.#closed || this.#sockets.size >= this.#options.maxConnections) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    socket.on('error', this.#options.onConnectionError);
    socket.setNoDelay(true);
    this.#server.emit('connection', socket);
  }

  close(): void {
    this.#closed = true;
    for (const session of this.#sessions) session.destroy();
    for (const socket of this.#sockets) socket.destroy();
  }

  #onStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    // A stream that breaks is a call abandoned: its 'close' says so.
    stream.on('error', () => undefined);
    const { service, methods, admit } = this.#options;
    const path = String(headers[':path']);
    const method = path.startsWith(service) ? path.slice(service.length) : '';
    try {
      if (headers[':method'] !== 'POST' || !methods.has(method))
        throw CallFailed.of(status.UNIMPLEMENTED, 'there is no such method here');
      admit(method, headers);
    } catch (error) {
      // What still comes is discarded, so that it takes nothing from the window of the other calls.
      stream.resume();
      refuse(stream, error);
      return;
    }
    const call = new OpenCall(stream, method, headers);
    this.#read(stream).then(
      async ({ body, release }) => {
        try {
          call.request = await unframe(body, encodingOf(headers), this.#options.maxRequestBytes);
          answer(stream, await this.#options.serve(call));
        } catch (error) {
          refuse(stream, error);
        } finally {
          release();
          call.end();
        }
      },
      (error: unknown) => {
        stream.resume();
        refuse(stream, error);
        call.end();
      },
    );
  }

  /** Invariant 3. Rejects when the request is too large, or never becomes whole. */
  #read(stream: ServerHttp2Stream): Promise<{ body: Buffer; release: () => void }> {
    const { maxRequestBytes, maxBytesUnderWay } = this.#options;
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      const release = (): void => {
        this.#bytesUnderWay -= bytes;
        bytes = 0;
      };
      const fail = (error: CallFailed): void => {
        stream.removeAllListeners('data');
        chunks.length = 0;
        release();
        reject(error);
      };
      stream.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        bytes += chunk.length;
        this.#bytesUnderWay += chunk.length;
        if (bytes > maxRequestBytes + FRAME_HEAD_BYTES)
          fail(
            CallFailed.of(
              status.RESOURCE_EXHAUSTED,
              `a message may have ${maxRequestBytes} bytes, and this one is larger`,
            ),
          );
        else if (this.#bytesUnderWay > maxBytesUnderWay)
          fail(CallFailed.of(status.RESOURCE_EXHAUSTED, 'too much is being sent at once; send it again'));
      });
      const onClose = (): void => fail(CallFailed.of(status.CANCELLED, 'the call was given up'));
      stream.once('close', onClose);
      stream.once('end', () => {
        stream.removeListener('close', onClose);
        resolve({ body: chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks), release });
      });
    });
  }
}

/** Invariant 2: a call from its headers to its end. */
class OpenCall implements UnaryCall {
  request: Buffer = Buffer.alloc(0);
  readonly deadline: number;
  readonly #timer: NodeJS.Timeout;
  #abandoned = false;
  #ended = false;
  #listener: (() => void) | undefined;

  constructor(
    stream: ServerHttp2Stream,
    readonly method: string,
    readonly headers: IncomingHttpHeaders,
  ) {
    const lifetime = Math.min(timeoutMs(headers) ?? LONGEST_CALL_MS, LONGEST_CALL_MS);
    this.deadline = performance.now() + lifetime;
    this.#timer = setTimeout(() => {
      refuse(stream, CallFailed.of(status.DEADLINE_EXCEEDED, 'the call’s deadline has passed'));
      this.#abandon();
    }, lifetime);
    stream.once('close', () => this.#abandon());
  }

  whenAbandoned(listener: () => void): void {
    if (this.#abandoned) listener();
    else this.#listener = listener;
  }

  end(): void {
    this.#ended = true;
    this.#listener = undefined;
    clearTimeout(this.#timer);
  }

  #abandon(): void {
    if (this.#ended || this.#abandoned) return;
    this.#abandoned = true;
    clearTimeout(this.#timer);
    this.#listener?.();
  }
}

function encodingOf(headers: IncomingHttpHeaders): string | undefined {
  const encoding = headers['grpc-encoding'];
  return typeof encoding === 'string' ? encoding : undefined;
}

function answer(stream: ServerHttp2Stream, response: Uint8Array): void {
  if (stream.headersSent || stream.destroyed) return;
  stream.respond(ANSWERED, { waitForTrailers: true });
  stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.end(frame(response));
}

function refuse(stream: ServerHttp2Stream, error: unknown): void {
  if (stream.headersSent || stream.destroyed) return;
  const { code, wireMessage, wireDetails } =
    error instanceof CallFailed ? error : CallFailed.of(status.INTERNAL, 'the gateway failed');
  stream.respond(
    {
      ...ANSWERED,
      'grpc-status': String(code),
      'grpc-message': wireMessage,
      ...(wireDetails === undefined ? {} : { 'grpc-status-details-bin': wireDetails }),
    },
    { endStream: true },
  );
  // The rest of a request that nobody reads is not waited for.
  if (!stream.readableEnded) stream.close(constants.NGHTTP2_NO_ERROR);
}
