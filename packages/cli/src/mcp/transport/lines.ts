/** A line without its end, or one that was longer than it may be and is not kept. */
export type Line = Buffer | 'too long';

const NEWLINE = 0x0a;

/**
 * Cuts a stream of bytes into lines and keeps at most `limit` bytes of one that has not ended. A longer one is told as
 * `too long` the moment it is, and the rest of it is dropped as it comes.
 */
export class LineCutter {
  #parts: Buffer[] = [];
  #size = 0;
  #dropping = false;

  constructor(private readonly limit: number) {}

  /** The lines that end in this chunk. */
  push(chunk: Buffer): Line[] {
    const lines: Line[] = [];
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      lines.push(...this.#add(chunk.subarray(from, at)), ...this.end());
      from = at + 1;
    }
    lines.push(...this.#add(chunk.subarray(from)));
    return lines;
  }

  /** What came since the last line end, at the end of the stream. */
  end(): Line[] {
    const line = Buffer.concat(this.#parts);
    const complete = this.#size > 0 && !this.#dropping;
    this.#forget();
    this.#dropping = false;
    return complete ? [line] : [];
  }

  #add(part: Buffer): Line[] {
    if (this.#dropping || part.length === 0) return [];
    this.#size += part.length;
    this.#parts.push(part);
    if (this.#size <= this.limit) return [];
    this.#forget();
    this.#dropping = true;
    return ['too long'];
  }

  #forget(): void {
    this.#parts = [];
    this.#size = 0;
  }
}
