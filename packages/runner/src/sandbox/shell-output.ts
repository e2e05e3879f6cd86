/** Keeps the head and the tail of what comes, each up to half of a bound, and counts the rest. */
export class KeptOutput {
  readonly #half: number;
  #head: Buffer[] = [];
  #headBytes = 0;
  #tail: Buffer[] = [];
  #tailBytes = 0;
  #total = 0;

  /** @param maxBytes of head and tail together */
  constructor(maxBytes: number) {
    this.#half = Math.max(1, Math.floor(maxBytes / 2));
  }

  /** Bytes that have come. */
  get total(): number {
    return this.#total;
  }

  push(chunk: Buffer): void {
    this.#total += chunk.length;
    const room = this.#half - this.#headBytes;
    if (room > 0) this.#keepHead(chunk.subarray(0, room));
    if (chunk.length <= room) return;
    // Copied, or a few bytes would hold on to a whole chunk.
    const rest = Buffer.from(chunk.subarray(Math.max(room, chunk.length - this.#half)));
    this.#tail.push(rest);
    this.#tailBytes += rest.length;
    while (this.#tailBytes - this.#tail[0]!.length >= this.#half)
      this.#tailBytes -= this.#tail.shift()!.length;
  }

  /** What was kept, and how much was left out before which of its bytes. */
  take(): { output: Buffer; omitted: { bytes: number; at: number } | undefined } {
    const all = Buffer.concat(this.#tail);
    const tail = all.subarray(Math.max(0, all.length - this.#half));
    const output = Buffer.concat([...this.#head, tail]);
    const bytes = this.#total - output.length;
    return { output, omitted: bytes > 0 ? { bytes, at: this.#headBytes } : undefined };
  }

  #keepHead(part: Buffer): void {
    this.#head.push(part);
    this.#headBytes += part.length;
  }
}
