/**
 * Job: what goes out on one connection, in the order and at the pace that the other side takes it.
 *
 * Boundary: bytes to `write`; who may send when is the connection's.
 *
 * Invariants
 * 1. No data goes beyond the window of its stream, nor of the connection; what waits follows when a window opens, and
 *    a stream that waits holds up no other one whose window is open.
 * 2. A header block goes in one piece, in the moment that it is made: the other side's table follows ours.
 * 3. What is said in one turn of {@link Sender.together} is one write.
 * 4. What may be late goes with what is said next, {@link LATE_MS} later at most.
 */
import {
  ConnectionError,
  ErrorCode,
  Flag,
  frameHead,
  FrameType,
  MAX_FRAME_BYTES,
  Setting,
} from './frames.js';
import { HeaderEncoder, type Field } from './header-encoder.js';
import { type Message, type Stream } from './stream.js';

/** Short beside any patience for the answer of a ping, long beside the time between two messages of a chain of tasks. */
export const LATE_MS = 100;
/** So that nobody makes us keep more. */
const MAX_LATE = 8;
const MAX_WINDOW = 0x7fff_ffff;
const DEFAULT_WINDOW = 65_535;

export class Sender {
  readonly #write: (bytes: Buffer) => void;
  readonly #onSent: (stream: Stream) => void;
  readonly #encoder = new HeaderEncoder();
  readonly #waiting = new Set<Stream>();
  #out: Uint8Array[] = [];
  #depth = 0;
  #late: Uint8Array[] = [];
  #latest: NodeJS.Timeout | undefined;
  #window = DEFAULT_WINDOW;
  #initialWindow = DEFAULT_WINDOW;

  /** @param onSent told when the last frame of a stream's message has gone */
  constructor(write: (bytes: Buffer) => void, onSent: (stream: Stream) => void) {
    this.#write = write;
    this.#onSent = onSent;
  }

  /** Invariant 3. */
  together(say: () => void): void {
    this.#depth++;
    try {
      say();
    } finally {
      if (--this.#depth === 0) this.#flush();
    }
  }

  frame(bytes: Uint8Array): void {
    this.#out.push(bytes);
    if (this.#depth === 0) this.#flush();
  }

  /** Invariant 4. */
  late(bytes: Uint8Array): void {
    this.#late.push(bytes);
    if (this.#late.length >= MAX_LATE) this.frame(NOTHING);
    else this.#latest ??= setTimeout(() => this.frame(NOTHING), LATE_MS).unref();
  }

  /** The connection is gone. */
  close(): void {
    clearTimeout(this.#latest);
  }

  open(stream: Stream): void {
    stream.sendWindow = this.#initialWindow;
  }

  message(stream: Stream, { head, body, trailers }: Message): void {
    this.together(() => {
      const alone = body === undefined && trailers === undefined;
      this.#headers(stream.id, head, alone);
      if (alone) return this.#sent(stream);
      stream.unsent = { body: body ?? NOTHING, trailers };
      this.#advance(stream);
    });
  }

  forget(stream: Stream): void {
    this.#waiting.delete(stream);
    stream.unsent = undefined;
  }

  /** @throws {@link ConnectionError} */
  windowOpened(stream: Stream | undefined, bytes: number): void {
    if (!stream) {
      this.#window = widened(this.#window, bytes);
      this.#advanceAll();
      return;
    }
    stream.sendWindow = widened(stream.sendWindow, bytes);
    if (stream.unsent) this.together(() => this.#advance(stream));
  }

  /** What the other side takes from now on. @throws {@link ConnectionError} */
  settings(id: number, value: number, streams: Iterable<Stream>): void {
    if (id === Setting.headerTableSize) this.#encoder.resize(value);
    if (id !== Setting.initialWindowSize) return;
    if (value > MAX_WINDOW) throw new ConnectionError(ErrorCode.flowControlError, 'a window is too large');
    const more = value - this.#initialWindow;
    this.#initialWindow = value;
    for (const stream of streams) stream.sendWindow = widened(stream.sendWindow, more);
    this.#advanceAll();
  }

  #advanceAll(): void {
    if (this.#waiting.size > 0)
      this.together(() => {
        for (const stream of [...this.#waiting]) if (stream.unsent) this.#advance(stream);
      });
  }

  /** Invariant 1. */
  #advance(stream: Stream): void {
    const { body, trailers } = stream.unsent!;
    let at = 0;
    while (at < body.length) {
      const length = Math.min(body.length - at, this.#window, stream.sendWindow, MAX_FRAME_BYTES);
      if (length <= 0) {
        stream.unsent = { body: body.subarray(at), trailers };
        this.#waiting.add(stream);
        return;
      }
      const last = at + length === body.length && trailers === undefined;
      this.#data(stream.id, body.subarray(at, at + length), last);
      this.#window -= length;
      stream.sendWindow -= length;
      at += length;
    }
    this.forget(stream);
    if (trailers) this.#headers(stream.id, trailers, true);
    else if (body.length === 0) this.#data(stream.id, NOTHING, true);
    this.#sent(stream);
  }

  #data(streamId: number, bytes: Uint8Array, last: boolean): void {
    this.#out.push(frameHead(bytes.length, FrameType.data, last ? Flag.endStream : 0, streamId), bytes);
  }

  /** Invariant 2. */
  #headers(streamId: number, fields: readonly Field[], last: boolean): void {
    const block = this.#encoder.encode(fields);
    let at = 0;
    do {
      const piece = block.subarray(at, at + MAX_FRAME_BYTES);
      const type = at === 0 ? FrameType.headers : FrameType.continuation;
      at += MAX_FRAME_BYTES;
      const flags =
        (at >= block.length ? Flag.endHeaders : 0) |
        (type === FrameType.headers && last ? Flag.endStream : 0);
      this.#out.push(frameHead(piece.length, type, flags, streamId), piece);
    } while (at < block.length);
  }

  #sent(stream: Stream): void {
    stream.sent = true;
    this.#onSent(stream);
  }

  #flush(): void {
    const out = this.#out;
    if (out.length === 0) return;
    if (this.#late.length > 0) {
      out.push(...this.#late);
      this.#late = [];
      clearTimeout(this.#latest);
      this.#latest = undefined;
    }
    this.#out = [];
    this.#write(out.length === 1 && Buffer.isBuffer(out[0]) ? out[0] : Buffer.concat(out));
  }
}

const NOTHING = new Uint8Array();

function widened(window: number, bytes: number): number {
  if (window + bytes > MAX_WINDOW)
    throw new ConnectionError(ErrorCode.flowControlError, 'a window is too large');
  return window + bytes;
}
