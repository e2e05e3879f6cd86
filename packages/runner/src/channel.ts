/**
 * Job: the messages of `protocol.ts` over the pipe between a supervisor and a worker, a line of JSON each.
 *
 * Boundary: bytes to objects; what an object may be is `protocol.ts`. Node's own IPC is not used, because its reader
 * trusts the other side: a line that is not JSON or names an unknown handle is an exception in the process that reads.
 *
 * Invariants
 * 1. A line beyond `MAX_LINE_BYTES`, or one that is not JSON, breaks the channel; nothing more is read from it.
 * 2. What the other side does not read is held up to `MAX_UNREAD_BYTES`; beyond that the channel breaks.
 * 3. `onEnd` is called once, whoever ended it and however.
 */
import { type Duplex } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

const MAX_LINE_BYTES = 1024 * 1024;
const MAX_UNREAD_BYTES = 16 * 1024 * 1024;

export class Channel {
  #open = true;
  #rest = '';
  readonly #decoder = new StringDecoder('utf8');
  #onMessage: ((raw: unknown) => void) | undefined;
  #onEnd: ((reason: string | undefined) => void) | undefined;
  readonly #early: unknown[] = [];
  #ended: { reason: string | undefined } | undefined;

  constructor(private readonly pipe: Duplex) {
    pipe.on('data', (bytes: Buffer) => this.#read(bytes));
    pipe.on('close', () => this.#end());
    pipe.on('end', () => this.#end());
    pipe.on('error', () => this.#end());
  }

  get open(): boolean {
    return this.#open;
  }

  /** Every message from now on, and those that came before somebody listened. */
  onMessage(handler: (raw: unknown) => void): void {
    this.#onMessage = handler;
    for (const raw of this.#early.splice(0)) handler(raw);
  }

  /** The reason is said where the other side broke a rule (invariants 1 and 2). */
  onEnd(handler: (reason: string | undefined) => void): void {
    this.#onEnd = handler;
    if (this.#ended) handler(this.#ended.reason);
  }

  /** Sends, if there is still somebody to send to. `done` is called when it has left this process, or never will. */
  send(message: object, done?: () => void): void {
    if (!this.#open) {
      done?.();
      return;
    }
    this.pipe.write(`${JSON.stringify(message)}\n`, () => done?.());
    if (this.pipe.writableLength > MAX_UNREAD_BYTES) this.#end('it does not read what it is sent');
  }

  close(): void {
    this.#end();
  }

  #read(bytes: Buffer): void {
    const lines = (this.#rest + this.#decoder.write(bytes)).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      if (!this.#open) return;
      this.#line(line);
    }
    if (this.#rest.length > MAX_LINE_BYTES) this.#end('it sent a line that does not end');
  }

  #line(line: string): void {
    let raw: unknown;
    try {
      raw = JSON.parse(line);
    } catch {
      this.#end('it sent a line that is not JSON');
      return;
    }
    if (this.#onMessage) this.#onMessage(raw);
    else this.#early.push(raw);
  }

  #end(reason?: string): void {
    if (!this.#open) return;
    this.#open = false;
    this.#rest = '';
    this.#ended = { reason };
    this.pipe.destroy();
    this.#onEnd?.(reason);
  }
}
