import { type Headers } from './header-decoder.js';
import { type Field } from './header-encoder.js';

/** Whom a stream tells what comes on it. */
export interface StreamListener {
  /** A list of headers: the first is the head, one after it has the trailers. */
  onHeaders(headers: Headers): void;
  onData(chunk: Buffer): void;
  /** The other side has said all. */
  onEnd(): void;
  /** Told once, when nothing more can come or go. @param code an HTTP/2 error; 0 when both sides had said all */
  onClosed(code: number): void;
}

/** What is said on a stream, at once: what the windows do not take yet follows by itself. */
export interface Message {
  head: readonly Field[];
  body?: Uint8Array | undefined;
  /** After the body; without them it is the body, or the head, that ends the stream. */
  trailers?: readonly Field[] | undefined;
}

/** What a stream may do to its connection. */
export interface StreamOwner {
  send(stream: Stream, message: Message): void;
  reset(stream: Stream, code: number): void;
}

/** One exchange of a connection: each side says one {@link Message}. */
export class Stream {
  /** 0 until it has its turn. */
  id = 0;
  listener: StreamListener | undefined;
  /** Bytes of data that may go, and that may come. */
  sendWindow = 0;
  receiveWindow = 0;
  /** Of what was said, what the windows have not taken. */
  unsent: { body: Uint8Array; trailers: readonly Field[] | undefined } | undefined;
  /** Whether this side has been given all that it says; whether all of it has gone; whether the other has said all. */
  said = false;
  sent = false;
  heard = false;
  closed = false;
  readonly #owner: StreamOwner;

  constructor(owner: StreamOwner) {
    this.#owner = owner;
  }

  /** Says all that this side has to say. Nothing where that was done, or the stream is closed. */
  send(message: Message): void {
    if (this.said || this.closed) return;
    this.said = true;
    this.#owner.send(this, message);
  }

  /** Ends the stream now, for both sides. */
  reset(code: number): void {
    if (!this.closed) this.#owner.reset(this, code);
  }
}
