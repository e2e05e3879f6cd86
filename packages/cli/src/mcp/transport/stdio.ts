/**
 * Job: JSON-RPC messages over two streams, one a line, whatever the other side sends.
 *
 * Boundary: bytes in, checked messages out to the SDK's protocol; what methods mean is decided there. The SDK's own
 * transport drops a line that it cannot read without a word and closes on a long one; a client would wait for ever.
 *
 * Invariants
 * 1. No line ends the transport. What is no message is answered with the error the protocol has for it, under its id
 *    where one can be known; empty lines and broken responses are not answered.
 * 2. At most {@link LINE_BYTES} of a line are kept.
 * 3. An id that is in use by a request not yet answered is refused: two calls under one id cannot be told apart.
 * 4. While the other side does not read its answers, its requests are not read either.
 * 5. What is written is whole messages, in order, and nothing after `close`.
 */
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import {
  CancelledNotificationSchema,
  ErrorCode,
  isJSONRPCRequest,
  type JSONRPCMessage,
  type RequestId,
} from '@modelcontextprotocol/sdk/types.js';
import type { Readable } from 'node:stream';
import { LineCutter, type Line } from './lines.js';
import { readMessage, tooLong, type Rejection } from './read-message.js';

/** Longest line, in bytes. A manifest has at most 1 MiB; an integration's corpus is the largest thing anyone sends. */
export const LINE_BYTES = 8 * 1024 * 1024;

/** Where answers go: `process.stdout`, or what stands for it. */
export interface Sink {
  /** False when what was written waits in memory. */
  write(text: string): boolean;
  once(event: 'drain', listener: () => void): unknown;
}

export class StdioTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: NonNullable<Transport['onmessage']>;
  /** The other side will send no more. */
  onend?: () => void;

  readonly #lines = new LineCutter(LINE_BYTES);
  readonly #open = new Set<RequestId>();
  #onIdle: (() => void)[] = [];
  #closed = false;

  constructor(
    private readonly input: Readable,
    private readonly output: Sink,
  ) {}

  async start(): Promise<void> {
    this.input.on('data', this.#onData);
    this.input.once('end', this.#onEnd);
    this.input.once('error', this.#onEnd);
  }

  async send(message: JSONRPCMessage): Promise<void> {
    this.#write(message);
    if ('id' in message && !('method' in message) && message.id !== undefined) this.#answered(message.id);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.input.off('data', this.#onData).off('end', this.#onEnd).off('error', this.#onEnd).pause();
    this.onclose?.();
  }

  /** Resolves once every request that came has been answered or cancelled. */
  async idle(): Promise<void> {
    if (this.#open.size > 0) await new Promise<void>((resolve) => this.#onIdle.push(resolve));
  }

  readonly #onData = (chunk: Buffer): void => {
    for (const line of this.#lines.push(chunk)) this.#take(line);
  };

  readonly #onEnd = (): void => {
    for (const line of this.#lines.end()) this.#take(line);
    this.onend?.();
  };

  #take(line: Line): void {
    if (this.#closed) return;
    if (line === 'too long') return this.#write(tooLong(LINE_BYTES));
    const read = readMessage(line);
    if (read.kind === 'rejected') this.#write(read.answer);
    else if (read.kind === 'message') this.#deliver(read.message);
    else if (read.why) this.onerror?.(new Error(`ignored ${read.why}`));
  }

  #deliver(message: JSONRPCMessage): void {
    if (isJSONRPCRequest(message)) {
      if (this.#open.has(message.id)) return this.#write(inUse(message.id));
      this.#open.add(message.id);
    }
    try {
      this.onmessage?.(message);
    } catch (error) {
      this.onerror?.(error instanceof Error ? error : new Error(String(error)));
    }
    // A request that was cancelled gets no answer.
    const cancelled = CancelledNotificationSchema.safeParse(message);
    if (cancelled.data?.params.requestId !== undefined) this.#answered(cancelled.data.params.requestId);
  }

  #answered(id: RequestId): void {
    this.#open.delete(id);
    if (this.#open.size > 0) return;
    for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  #write(message: JSONRPCMessage | Rejection): void {
    if (this.#closed || this.output.write(`${JSON.stringify(message)}\n`)) return;
    this.input.pause();
    this.output.once('drain', () => {
      if (!this.#closed) this.input.resume();
    });
  }
}

function inUse(id: RequestId): Rejection {
  const message = 'Invalid request: this `id` is in use by a request that has not been answered yet.';
  return { jsonrpc: '2.0', id, error: { code: ErrorCode.InvalidRequest, message } };
}
