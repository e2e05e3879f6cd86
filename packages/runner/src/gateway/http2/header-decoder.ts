/**
 * Job: header lists out of one connection's header blocks (HPACK, RFC 7541).
 *
 * Invariants
 * 1. The dynamic table never has more than {@link TABLE_BYTES}, whatever the other side says.
 * 2. Every block is read to its end, that of a list which is too large too: the next ones need what it adds.
 * 3. A list holds at most its bound of bytes; values that the table has are not copied.
 */
import { ConnectionError, ErrorCode } from './frames.js';
import { entryBytes, STATIC_TABLE, TABLE_BYTES, type Entry } from './header-table.js';
import { readHuffman } from './huffman.js';

/** By name in lower case; of a name that came more than once, its values with commas between. */
export type Headers = Readonly<Record<string, string | undefined>>;

export class HeaderDecoder {
  readonly #maxListBytes: number;
  /** The newest first. */
  readonly #table: Entry[] = [];
  #tableBytes = 0;
  #tableLimit = TABLE_BYTES;
  #block: Buffer = Buffer.alloc(0);
  #at = 0;

  constructor(maxListBytes: number) {
    this.#maxListBytes = maxListBytes;
  }

  /** @returns `undefined` for a list that is too large. @throws {@link ConnectionError} */
  decode(block: Buffer): Headers | undefined {
    this.#block = block;
    this.#at = 0;
    const headers = Object.create(null) as Record<string, string | undefined>;
    let bytes = 0;
    while (this.#at < block.length) {
      const entry = this.#next();
      if (!entry) continue;
      bytes += entryBytes(entry);
      if (bytes > this.#maxListBytes) continue;
      const before = headers[entry.name];
      headers[entry.name] = before === undefined ? entry.value : `${before},${entry.value}`;
    }
    return bytes > this.#maxListBytes ? undefined : headers;
  }

  #next(): Entry | undefined {
    const first = this.#block[this.#at]!;
    if (first & 0x80) return this.#entry(this.#integer(7));
    if (first & 0x40) return this.#add(this.#literal(6));
    // Without an entry in the table: one bit tells those on the way never to make one.
    if ((first & 0x20) === 0) return this.#literal(4);
    const limit = this.#integer(5);
    if (limit > TABLE_BYTES) throw invalid('asks for a larger table than was agreed');
    this.#tableLimit = limit;
    this.#evict();
    return undefined;
  }

  #literal(indexBits: number): Entry {
    const index = this.#integer(indexBits);
    const name = index === 0 ? this.#string() : this.#entry(index).name;
    const value = this.#string();
    if (CONTROL_CHARACTERS.test(value) || CONTROL_CHARACTERS.test(name))
      throw new ConnectionError(ErrorCode.protocolError, 'a header has control characters in it');
    return { name, value };
  }

  #entry(index: number): Entry {
    const entry =
      index <= STATIC_TABLE.length ? STATIC_TABLE[index - 1] : this.#table[index - STATIC_TABLE.length - 1];
    if (!entry) throw invalid('names an entry that there is not');
    return entry;
  }

  #add(entry: Entry): Entry {
    this.#table.unshift(entry);
    this.#tableBytes += entryBytes(entry);
    this.#evict();
    return entry;
  }

  /** Invariant 1. */
  #evict(): void {
    while (this.#tableBytes > this.#tableLimit) this.#tableBytes -= entryBytes(this.#table.pop()!);
  }

  /** RFC 7541, section 5.1. */
  #integer(prefixBits: number): number {
    const prefix = (1 << prefixBits) - 1;
    let value = this.#byte() & prefix;
    if (value < prefix) return value;
    for (let shift = 0; shift <= 21; shift += 7) {
      const byte = this.#byte();
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw invalid('has a number that is too large');
  }

  #string(): string {
    const coded = (this.#block[this.#at] ?? 0) & 0x80;
    const length = this.#integer(7);
    const end = this.#at + length;
    if (end > this.#block.length) throw invalid('ends too early');
    const bytes = this.#block.subarray(this.#at, end);
    this.#at = end;
    return coded ? readHuffman(bytes) : bytes.toString('latin1');
  }

  #byte(): number {
    const byte = this.#block[this.#at++];
    if (byte === undefined) throw invalid('ends too early');
    return byte;
  }
}

/** What no header may have (RFC 9110, section 5.5): some readers take it for the end of one. */
const CONTROL_CHARACTERS = /[\0-\x08\x0a-\x1f\x7f]/;

function invalid(what: string): ConnectionError {
  return new ConnectionError(ErrorCode.compressionError, `a header block ${what}`);
}
