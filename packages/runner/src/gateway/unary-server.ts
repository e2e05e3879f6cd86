/**
 * Job: gRPC's unary calls on connections that somebody hands in.
 *
 * Boundary: knows calls, deadlines and bounds; HTTP/2 is `http2/`'s; what a method means, and who may call it, is its
 * owner's.
 *
 * Invariants
 * 1. `admit` is asked before a byte of the request is read.
 * 2. Each call is answered at most once, by its deadline at the latest; what a caller abandons is told to whom serves it.
 * 3. Connections, streams, frames a second, sizes of headers and messages, and the bytes of all requests under way are
 *    bounded.
 * 4. After `close` nothing is served, and its connections are gone.
 */
import { type Socket } from 'node:net';
import { status } from '@grpc/grpc-js';
import { CallFailed, frame, FRAME_HEAD_BYTES, timeoutMs, unframe } from './grpc.js';
import { Connection, type FrameBudget } from './http2/connection.js';
import { ErrorCode } from './http2/frames.js';
import { type Headers } from './http2/header-decoder.js';
import { type Field } from './http2/header-encoder.js';
import { type Stream, type StreamListener } from './http2/stream.js';

/** A call whose request is there. */
export interface UnaryCall {
  /** The last part of the path. */
  readonly method: string;
  readonly headers: Headers;
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
  admit: (method: string, headers: Headers) => void;
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
/** A request of the largest size is here within a few round trips. */
const WINDOW_BYTES = 1024 * 1024;
/** Far more than a worker sends that calls as often as it may, and takes large histories. */
const FRAMES_PER_SECOND = 10_000;

export class UnaryServer {
  readonly #options: UnaryServerOptions;
  readonly #connections = new Set<Connection>();
  readonly #budget = new SecondsBudget(FRAMES_PER_SECOND);
  readonly #underWay = { bytes: 0 };
  #closed = false;

  constructor(options: UnaryServerOptions) {
    this.#options = options;
  }

  /** Serves a connection, or ends it when there are too many. */
  accept(socket: Socket): void {
    const { maxConnections, maxStreams, onConnectionError } = this.#options;
    if (this.#closed || this.#connections.size >= maxConnections) {
      socket.destroy();
      return;
    }
    socket.setNoDelay(true);
    const connection = new Connection(socket, {
      role: 'server',
      windowBytes: WINDOW_BYTES,
      maxHeaderBytes: MAX_HEADER_BYTES,
      maxStreams,
      budget: this.#budget,
      onStream: (stream, headers) => this.#onStream(stream, headers),
      onClose: (error) => {
        this.#connections.delete(connection);
        if (error) onConnectionError(error);
      },
    });
    this.#connections.add(connection);
  }

  close(): void {
    this.#closed = true;
    for (const connection of this.#connections) connection.destroy();
  }

  #onStream(stream: Stream, headers: Headers): void {
    const { service, methods, admit } = this.#options;
    const path = headers[':path'] ?? '';
    const method = path.startsWith(service) ? path.slice(service.length) : '';
    try {
      if (headers[':method'] !== 'POST' || !methods.has(method))
        throw CallFailed.of(status.UNIMPLEMENTED, 'there is no such method here');
      admit(method, headers);
    } catch (error) {
      refuse(stream, error);
      return;
    }
    stream.listener = new OpenCall(stream, method, headers, this.#options, this.#underWay);
  }
}

/** A call from its headers to its end. */
class OpenCall implements UnaryCall, StreamListener {
  request: Buffer = EMPTY;
  readonly deadline: number;
  readonly #timer: NodeJS.Timeout;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #abandoned = false;
  #ended = false;
  #listener: (() => void) | undefined;

  constructor(
    readonly stream: Stream,
    readonly method: string,
    readonly headers: Headers,
    private readonly options: UnaryServerOptions,
    private readonly underWay: { bytes: number },
  ) {
    const lifetime = Math.min(timeoutMs(headers) ?? LONGEST_CALL_MS, LONGEST_CALL_MS);
    this.deadline = performance.now() + lifetime;
    this.#timer = setTimeout(() => {
      refuse(stream, CallFailed.of(status.DEADLINE_EXCEEDED, 'the call’s deadline has passed'));
      this.#abandon();
    }, lifetime);
  }

  whenAbandoned(listener: () => void): void {
    if (this.#abandoned) listener();
    else this.#listener = listener;
  }

  /** Trailers of a request say nothing. */
  onHeaders(): void {}

  /** Invariant 3. */
  onData(chunk: Buffer): void {
    const { maxRequestBytes, maxBytesUnderWay } = this.options;
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    this.underWay.bytes += chunk.length;
    if (this.#bytes > maxRequestBytes + FRAME_HEAD_BYTES)
      this.#giveUp(`a message may have ${maxRequestBytes} bytes, and this one is larger`);
    else if (this.underWay.bytes > maxBytesUnderWay)
      this.#giveUp('too much is being sent at once; send it again');
  }

  onEnd(): void {
    if (!this.#ended) void this.#serve();
  }

  onClosed(): void {
    if (this.#ended) return;
    this.#abandon();
    // Of a request that is not whole, nobody takes care any more.
    if (!this.stream.heard) this.#end();
  }

  async #serve(): Promise<void> {
    const { stream, options } = this;
    try {
      const body = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
      this.request = await unframe(body, this.headers['grpc-encoding'], options.maxRequestBytes);
      answer(stream, await options.serve(this));
    } catch (error) {
      refuse(stream, error);
    } finally {
      this.#end();
    }
  }

  #giveUp(why: string): void {
    this.#end();
    refuse(this.stream, CallFailed.of(status.RESOURCE_EXHAUSTED, why));
  }

  #end(): void {
    this.#ended = true;
    this.#listener = undefined;
    this.underWay.bytes -= this.#bytes;
    this.#bytes = 0;
    this.#chunks = [];
    clearTimeout(this.#timer);
  }

  #abandon(): void {
    if (this.#ended || this.#abandoned) return;
    this.#abandoned = true;
    clearTimeout(this.#timer);
    this.#listener?.();
  }
}

class SecondsBudget implements FrameBudget {
  #left = 0;
  #until = 0;

  constructor(private readonly perSecond: number) {}

  spend(frames: number): number {
    const now = performance.now();
    if (now >= this.#until) {
      this.#until = now + 1_000;
      this.#left = this.perSecond;
    }
    this.#left -= frames;
    return this.#left > 0 ? 0 : Math.ceil(this.#until - now);
  }
}

const EMPTY = Buffer.alloc(0);

const ANSWERED: readonly Field[] = [
  [':status', '200', 'again'],
  ['content-type', 'application/grpc', 'again'],
];
const WELL: readonly Field[] = [['grpc-status', '0', 'again']];

function answer(stream: Stream, response: Uint8Array): void {
  stream.send({ head: ANSWERED, body: frame(response), trailers: WELL });
}

function refuse(stream: Stream, error: unknown): void {
  const { code, wireMessage, wireDetails } =
    error instanceof CallFailed ? error : CallFailed.of(status.INTERNAL, 'the gateway failed');
  stream.send({
    head: [
      ...ANSWERED,
      ['grpc-status', String(code), 'again'],
      ['grpc-message', wireMessage, 'once'],
      ...(wireDetails === undefined ? [] : [['grpc-status-details-bin', wireDetails, 'once'] as const]),
    ],
  });
  // The rest of a request that nobody reads is not waited for.
  if (!stream.heard) stream.reset(ErrorCode.noError);
}
