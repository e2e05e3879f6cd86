/**
 * Job: one HTTP/2 connection (RFC 9113) on which each stream carries one message each way, as gRPC's unary calls do.
 * It does without the events, pipes and native objects that Node's own makes for every stream (`docs/adr/0021`).
 *
 * Boundary: what is said is its owner's. No push, no priorities, no upgrade from HTTP/1. Either side may be hostile.
 *
 * Invariants
 * 1. Each stream's listener is told of its close once, also when the connection is lost.
 * 2. A frame of a stream that is gone changes nothing but the state that all streams share.
 * 3. What breaks the protocol ends the connection, and no other; it is told why.
 * 4. Bounded: streams at once, a header block and its list, data that comes (by windows), what waits to be written
 *    (while that is too much nothing is read), and frames a second, where the owner gives a {@link FrameBudget}.
 * 5. A client's streams beyond what the server takes at once wait for their turn, in order.
 */
import { type Duplex } from 'node:stream';
import {
  ConnectionError,
  ErrorCode,
  Flag,
  frameHead,
  FRAME_HEAD_BYTES,
  FrameReader,
  FrameType,
  goAwayFrame,
  numberFrame,
  PREFACE,
  Setting,
  settingsFrame,
} from './frames.js';
import { HeaderDecoder, type Headers } from './header-decoder.js';
import { Sender } from './sender.js';
import { Stream, type Message, type StreamOwner } from './stream.js';

export interface ConnectionOptions {
  role: 'client' | 'server';
  /** Bytes of one stream's data that may be under way; of all together, four times as many. */
  windowBytes: number;
  /** Of a header list, as HTTP/2 counts. */
  maxHeaderBytes: number;
  /** That the other side may have open. */
  maxStreams?: number;
  /** Pauses the other side when it sends too many frames. */
  budget?: FrameBudget;
  /** A stream that the other side opens: sets its listener. */
  onStream?: (stream: Stream, headers: Headers) => void;
  /** The other side takes no further streams. */
  onGoAway?: () => void;
  /** Told once. @param error why, where it is known */
  onClose: (error: Error | undefined) => void;
}

/** Frames that somebody may send in a second. */
export interface FrameBudget {
  /** @returns milliseconds for which nothing may be read; 0 while there is some left */
  spend(frames: number): number;
}

const DEFAULT_WINDOW = 65_535;
/** Of a header block as it comes: what is beyond it is no call of Temporal's. */
const MAX_BLOCK_BYTES = 64 * 1024;
/** Written and not taken by the other side; beyond it, a server reads nothing. */
const MAX_UNWRITTEN_BYTES = 4 * 1024 * 1024;
const LAST_STREAM_ID = 0x7fff_ffff;
const PING_BYTES = 8;

/** Why nothing is read now: what was written is not taken, or too many frames came. */
interface Held {
  unwritten: boolean;
  overspent: boolean;
}

export class Connection implements StreamOwner {
  readonly #socket: Duplex;
  readonly #options: ConnectionOptions;
  readonly #reader: FrameReader;
  readonly #sender: Sender;
  readonly #decoder: HeaderDecoder;
  readonly #streams = new Map<number, Stream>();
  /** Invariant 5. */
  readonly #queue = new Map<Stream, Message>();
  #nextId = 1;
  #lastPeerId = 0;
  #maxStreams = Number.POSITIVE_INFINITY;
  #receiveWindow: number;
  #frames = 0;
  #block: { streamId: number; last: boolean; pieces: Buffer[]; bytes: number } | undefined;
  #onPong: (() => void) | undefined;
  readonly #held: Held = { unwritten: false, overspent: false };
  #leaving = false;
  #closed = false;

  /** Speaks at once; a socket that is still connecting keeps what is said. */
  constructor(socket: Duplex, options: ConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#receiveWindow = options.windowBytes * 4;
    this.#decoder = new HeaderDecoder(options.maxHeaderBytes);
    this.#sender = new Sender(
      (bytes) => this.#write(bytes),
      (stream) => this.#ended(stream),
    );
    this.#reader = new FrameReader(options.role === 'server', (type, flags, streamId, payload) =>
      this.#onFrame(type, flags, streamId, payload),
    );
    socket.on('data', (bytes: Buffer) => this.#onBytes(bytes));
    socket.on('drain', () => this.#hold({ unwritten: false }));
    socket.on('error', (error) => this.destroy(error));
    socket.once('end', () => this.destroy());
    socket.once('close', () => this.destroy());
    this.#greet();
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Whether it takes a further stream of ours. */
  get usable(): boolean {
    return !this.#closed && !this.#leaving;
  }

  /** A stream of ours; its listener is to be set before anything is sent on it. */
  open(): Stream {
    return new Stream(this);
  }

  send(stream: Stream, message: Message): void {
    if (stream.id !== 0) return this.#sender.message(stream, message);
    if (!this.usable) return this.#end(stream, ErrorCode.refusedStream);
    if (this.#streams.size >= this.#maxStreams) return void this.#queue.set(stream, message);
    stream.id = this.#nextId;
    this.#nextId += 2;
    this.#adopt(stream);
    this.#sender.message(stream, message);
    if (this.#nextId > LAST_STREAM_ID) this.leave();
  }

  reset(stream: Stream, code: number): void {
    if (stream.id !== 0) this.#sender.frame(numberFrame(FrameType.rstStream, stream.id, code));
    this.#end(stream, code);
  }

  /** Asks whether the other side is there. One that was asked before and not answered is forgotten. */
  ping(onPong: () => void): void {
    this.#onPong = onPong;
    this.#sender.frame(
      Buffer.concat([frameHead(PING_BYTES, FrameType.ping, 0, 0), Buffer.alloc(PING_BYTES)]),
    );
  }

  /** Takes no further streams, and ends after its last one. */
  leave(): void {
    this.#leaving = true;
    if (this.#streams.size === 0 && this.#queue.size === 0) this.destroy();
  }

  /** Invariants 1 and 3. */
  destroy(error?: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    const code = codeOf(error);
    if (this.#socket.writable) this.#socket.write(goAwayFrame(this.#lastPeerId, code));
    this.#socket.destroy();
    this.#sender.close();
    for (const stream of [...this.#streams.values(), ...this.#queue.keys()])
      this.#end(stream, ErrorCode.cancel);
    this.#options.onClose(error);
  }

  #greet(): void {
    const { role, windowBytes, maxHeaderBytes, maxStreams } = this.#options;
    this.#sender.together(() => {
      if (role === 'client') this.#sender.frame(PREFACE);
      this.#sender.frame(
        settingsFrame({
          ...(role === 'client' ? { [Setting.enablePush]: 0 } : {}),
          ...(maxStreams === undefined ? {} : { [Setting.maxConcurrentStreams]: maxStreams }),
          [Setting.initialWindowSize]: windowBytes,
          [Setting.maxHeaderListSize]: maxHeaderBytes,
        }),
      );
      this.#sender.frame(numberFrame(FrameType.windowUpdate, 0, this.#receiveWindow - DEFAULT_WINDOW));
    });
  }

  #write(bytes: Buffer): void {
    if (this.#closed) return;
    this.#socket.write(bytes);
    // Invariant 4. A client's server is trusted, and may wait for what we read before it reads on.
    if (this.#options.role === 'server' && this.#socket.writableLength > MAX_UNWRITTEN_BYTES)
      this.#hold({ unwritten: true });
  }

  /** Nothing is read while there is a reason not to. */
  #hold(reasons: Partial<Held>): void {
    Object.assign(this.#held, reasons);
    if (this.#held.unwritten || this.#held.overspent) this.#socket.pause();
    else this.#socket.resume();
  }

  #onBytes(bytes: Buffer): void {
    if (this.#closed) return;
    try {
      this.#frames = 0;
      this.#sender.together(() => this.#reader.push(bytes));
    } catch (error) {
      this.destroy(error as Error);
      return;
    }
    const pause = this.#options.budget?.spend(this.#frames) ?? 0;
    if (pause === 0) return;
    this.#hold({ overspent: true });
    setTimeout(() => this.#hold({ overspent: false }), pause).unref();
  }

  #onFrame(type: number, flags: number, streamId: number, payload: Buffer): void {
    if (this.#closed) return;
    this.#frames++;
    if (this.#block && (type !== FrameType.continuation || streamId !== this.#block.streamId))
      throw broken('a header block was interrupted');
    switch (type) {
      case FrameType.data:
        return this.#onData(flags, streamId, payload);
      case FrameType.headers:
        return this.#onHeaders(flags, streamId, payload);
      case FrameType.continuation:
        return this.#onContinuation(flags, payload);
      case FrameType.rstStream:
        return this.#onReset(streamId, payload);
      case FrameType.settings:
        return this.#onSettings(flags, streamId, payload);
      case FrameType.ping:
        return this.#onPing(flags, streamId, payload);
      case FrameType.goAway:
        return this.#onGoAway(streamId, payload);
      case FrameType.windowUpdate:
        return this.#onWindowUpdate(streamId, payload);
      case FrameType.pushPromise:
        throw broken('nothing is to be pushed');
      // Priorities, and what is not known, are passed over.
    }
  }

  #onData(flags: number, streamId: number, payload: Buffer): void {
    this.#check(streamId);
    this.#receiveWindow -= payload.length;
    if (this.#receiveWindow < 0)
      throw new ConnectionError(ErrorCode.flowControlError, 'more data came than may');
    const whole = this.#options.windowBytes * 4;
    if (this.#receiveWindow <= whole / 2) {
      this.#sender.frame(numberFrame(FrameType.windowUpdate, 0, whole - this.#receiveWindow));
      this.#receiveWindow = whole;
    }
    const data = unpadded(flags, payload);
    const stream = this.#streams.get(streamId);
    if (!stream) return;
    if (stream.heard) return this.reset(stream, ErrorCode.streamClosed);
    stream.receiveWindow -= payload.length;
    if (stream.receiveWindow < 0) return this.reset(stream, ErrorCode.flowControlError);
    if (data.length > 0) stream.listener?.onData(data);
    if (stream.closed) return;
    if ((flags & Flag.endStream) !== 0) return this.#heard(stream);
    const { windowBytes } = this.#options;
    if (stream.receiveWindow > windowBytes / 2) return;
    this.#sender.frame(numberFrame(FrameType.windowUpdate, streamId, windowBytes - stream.receiveWindow));
    stream.receiveWindow = windowBytes;
  }

  #onHeaders(flags: number, streamId: number, payload: Buffer): void {
    if (streamId === 0) throw broken('headers belong to no stream');
    let piece = unpadded(flags, payload);
    if ((flags & Flag.priority) !== 0) {
      if (piece.length < 5) throw new ConnectionError(ErrorCode.frameSizeError, 'a priority has five bytes');
      piece = piece.subarray(5);
    }
    this.#block = { streamId, last: (flags & Flag.endStream) !== 0, pieces: [], bytes: 0 };
    this.#onContinuation(flags, piece);
  }

  #onContinuation(flags: number, piece: Buffer): void {
    const block = this.#block;
    if (!block) throw broken('a header block goes on that has not begun');
    block.pieces.push(piece);
    block.bytes += piece.length + FRAME_HEAD_BYTES;
    if (block.bytes > MAX_BLOCK_BYTES)
      throw new ConnectionError(ErrorCode.enhanceYourCalm, `headers may have ${MAX_BLOCK_BYTES} bytes`);
    if ((flags & Flag.endHeaders) === 0) return;
    this.#block = undefined;
    const { pieces, streamId, last } = block;
    const headers = this.#decoder.decode(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces));
    this.#onList(streamId, headers, last);
  }

  #onList(streamId: number, headers: Headers | undefined, last: boolean): void {
    const stream = this.#streams.get(streamId) ?? this.#opened(streamId);
    if (!stream) return;
    if (!headers) return this.reset(stream, ErrorCode.enhanceYourCalm);
    if (stream.heard) return this.reset(stream, ErrorCode.streamClosed);
    if (stream.listener) stream.listener.onHeaders(headers);
    else this.#options.onStream!(stream, headers);
    if (last && !stream.closed) this.#heard(stream);
  }

  /** A stream that the other side has opened; `undefined` where this is none, or one too many. */
  #opened(streamId: number): Stream | undefined {
    const isNew = this.#options.role === 'server' && streamId > this.#lastPeerId;
    // Invariant 2: of one that is gone, the trailers may still come.
    if (!isNew) return void this.#check(streamId);
    if (streamId % 2 === 0) throw broken('a client’s streams have odd numbers');
    this.#lastPeerId = streamId;
    if (this.#streams.size >= this.#options.maxStreams!) {
      this.#sender.frame(numberFrame(FrameType.rstStream, streamId, ErrorCode.refusedStream));
      return undefined;
    }
    const stream = new Stream(this);
    stream.id = streamId;
    this.#adopt(stream);
    return stream;
  }

  #onReset(streamId: number, payload: Buffer): void {
    this.#check(streamId);
    const code = wordOf(payload);
    const stream = this.#streams.get(streamId);
    if (stream) this.#end(stream, code);
  }

  #onSettings(flags: number, streamId: number, payload: Buffer): void {
    if (streamId !== 0) throw broken('settings are the connection’s');
    if ((flags & Flag.ack) !== 0) return;
    if (payload.length % 6 !== 0)
      throw new ConnectionError(ErrorCode.frameSizeError, 'a setting has six bytes');
    for (let at = 0; at < payload.length; at += 6) {
      const id = payload.readUInt16BE(at);
      const value = payload.readUInt32BE(at + 2);
      if (id === Setting.maxConcurrentStreams) this.#maxStreams = value;
      else this.#sender.settings(id, value, this.#streams.values());
    }
    this.#sender.frame(frameHead(0, FrameType.settings, Flag.ack, 0));
    this.#advanceQueue();
  }

  #onPing(flags: number, streamId: number, payload: Buffer): void {
    if (streamId !== 0) throw broken('a ping is the connection’s');
    if (payload.length !== PING_BYTES)
      throw new ConnectionError(ErrorCode.frameSizeError, 'a ping has eight bytes');
    if ((flags & Flag.ack) === 0)
      // A server in Go measures its window with a ping for each request that has data, while none is under way: answered
      // at once, every call would cost both sides one more write, and one more waking.
      return this.#sender.late(Buffer.concat([frameHead(PING_BYTES, FrameType.ping, Flag.ack, 0), payload]));
    this.#onPong?.();
    this.#onPong = undefined;
  }

  /** The streams that the other side will not serve are closed as refused: nothing of them was done. */
  #onGoAway(streamId: number, payload: Buffer): void {
    if (streamId !== 0) throw broken('a goodbye is the connection’s');
    if (payload.length < 8) throw new ConnectionError(ErrorCode.frameSizeError, 'a goodbye has eight bytes');
    if (this.#options.role === 'server') return;
    const lastId = payload.readUInt32BE(0) & LAST_STREAM_ID;
    for (const stream of [...this.#queue.keys()]) this.#end(stream, ErrorCode.refusedStream);
    for (const stream of [...this.#streams.values()])
      if (stream.id > lastId) this.#end(stream, ErrorCode.refusedStream);
    this.#options.onGoAway?.();
    this.leave();
  }

  #onWindowUpdate(streamId: number, payload: Buffer): void {
    const bytes = wordOf(payload) & LAST_STREAM_ID;
    if (bytes === 0) throw broken('a window opens by nothing');
    if (streamId === 0) return this.#sender.windowOpened(undefined, bytes);
    this.#check(streamId);
    const stream = this.#streams.get(streamId);
    if (stream) this.#sender.windowOpened(stream, bytes);
  }

  /** A frame may be late, for a stream that is gone; not early. */
  #check(streamId: number): void {
    const last = this.#options.role === 'server' ? this.#lastPeerId : this.#nextId - 2;
    if (streamId === 0 || streamId > last) throw broken('a frame belongs to no stream');
  }

  #adopt(stream: Stream): void {
    stream.receiveWindow = this.#options.windowBytes;
    this.#streams.set(stream.id, stream);
    this.#sender.open(stream);
  }

  #heard(stream: Stream): void {
    stream.heard = true;
    stream.listener?.onEnd();
    // A server that has answered does not wait for the rest of the question.
    if (this.#options.role === 'client' && !stream.sent) this.reset(stream, ErrorCode.cancel);
    else this.#ended(stream);
  }

  #ended(stream: Stream): void {
    if (stream.sent && stream.heard) this.#end(stream, ErrorCode.noError);
  }

  /** Invariant 1. */
  #end(stream: Stream, code: number): void {
    if (stream.closed) return;
    stream.closed = true;
    this.#streams.delete(stream.id);
    this.#queue.delete(stream);
    this.#sender.forget(stream);
    stream.listener?.onClosed(code);
    if (this.#closed) return;
    this.#advanceQueue();
    if (this.#leaving) this.leave();
  }

  #advanceQueue(): void {
    for (const [stream, message] of this.#queue) {
      if (this.#streams.size >= this.#maxStreams || !this.usable) return;
      this.#queue.delete(stream);
      this.send(stream, message);
    }
  }
}

/** What the other side is told of the end. */
function codeOf(error: Error | undefined): number {
  if (error instanceof ConnectionError) return error.code;
  return error ? ErrorCode.internalError : ErrorCode.noError;
}

/** @throws {@link ConnectionError} */
function unpadded(flags: number, payload: Buffer): Buffer {
  if ((flags & Flag.padded) === 0) return payload;
  const padding = payload[0];
  if (padding === undefined || padding >= payload.length)
    throw broken('a frame is padded with more than it has');
  return payload.subarray(1, payload.length - padding);
}

/** @throws {@link ConnectionError} */
function wordOf(payload: Buffer): number {
  if (payload.length !== 4) throw new ConnectionError(ErrorCode.frameSizeError, 'this frame has four bytes');
  return payload.readUInt32BE(0);
}

function broken(message: string): ConnectionError {
  return new ConnectionError(ErrorCode.protocolError, message);
}
