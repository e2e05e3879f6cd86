/**
 * Job: header lists as header blocks of one connection (HPACK, RFC 7541).
 *
 * Invariants
 * 1. Blocks are sent in the order in which they were made: each may name what an earlier one added.
 * 2. Nothing is ever evicted from the table: what no longer fits is written out each time.
 * 3. A secret is in no table, neither ours nor that of anybody on the way.
 */
import { entryBytes, STATIC_TABLE, TABLE_BYTES } from './header-table.js';

/** `again`: will be sent again. `once`: takes no place in the table. `secret`: must not be kept by anybody. */
export type Kept = 'again' | 'once' | 'secret';
export type Field = readonly [name: string, value: string, kept: Kept];

const PREFIX: Readonly<Record<Kept, [bits: number, pattern: number]>> = {
  again: [6, 0x40],
  once: [4, 0x00],
  secret: [4, 0x10],
};

const STATIC_NAMES = new Map<string, number>();
const STATIC_ENTRIES = new Map<string, Map<string, number>>();
STATIC_TABLE.forEach(({ name, value }, n) => {
  if (!STATIC_NAMES.has(name)) STATIC_NAMES.set(name, n + 1);
  if (value !== '') valuesOf(STATIC_ENTRIES, name).set(value, n + 1);
});

export class HeaderEncoder {
  /** The how many-th each entry was to be added. */
  #added = new Map<string, Map<string, number>>();
  #count = 0;
  #tableBytes = 0;
  #tableLimit = TABLE_BYTES;
  #announce: number | undefined;
  #block: Buffer = Buffer.allocUnsafe(1024);
  #at = 0;

  /** The other side's table has another size from its next block on. */
  resize(bytes: number): void {
    const limit = Math.min(bytes, TABLE_BYTES);
    if (limit === this.#tableLimit) return;
    this.#tableLimit = limit;
    this.#announce = limit;
    this.#added = new Map();
    this.#count = 0;
    this.#tableBytes = 0;
  }

  encode(fields: readonly Field[]): Buffer {
    this.#at = 0;
    this.#reserve(16);
    if (this.#announce !== undefined) {
      // Nothing at first, which empties it.
      this.#integer(0, 5, 0x20);
      this.#integer(this.#announce, 5, 0x20);
      this.#announce = undefined;
    }
    for (const [name, value, kept] of fields) this.#field(name, value, kept);
    return Buffer.from(this.#block.subarray(0, this.#at));
  }

  #field(name: string, value: string, kept: Kept): void {
    this.#reserve(name.length + value.length + 24);
    const known = kept === 'secret' ? undefined : this.#indexOf(name, value);
    if (known !== undefined) return this.#integer(known, 7, 0x80);
    const bytes = entryBytes({ name, value });
    const fits = kept !== 'again' || this.#tableBytes + bytes <= this.#tableLimit;
    const [bits, pattern] = PREFIX[fits ? kept : 'once'];
    const nameIndex = STATIC_NAMES.get(name) ?? 0;
    this.#integer(nameIndex, bits, pattern);
    if (nameIndex === 0) this.#string(name);
    this.#string(value);
    if (kept !== 'again' || !fits) return;
    this.#tableBytes += bytes;
    valuesOf(this.#added, name).set(value, ++this.#count);
  }

  #indexOf(name: string, value: string): number | undefined {
    const inStatic = STATIC_ENTRIES.get(name)?.get(value);
    if (inStatic !== undefined) return inStatic;
    const nth = this.#added.get(name)?.get(value);
    return nth === undefined ? undefined : STATIC_TABLE.length + 1 + this.#count - nth;
  }

  #string(text: string): void {
    this.#integer(text.length, 7, 0);
    this.#at += this.#block.write(text, this.#at, 'latin1');
  }

  #integer(value: number, prefixBits: number, pattern: number): void {
    const prefix = (1 << prefixBits) - 1;
    if (value < prefix) {
      this.#block[this.#at++] = pattern | value;
      return;
    }
    this.#block[this.#at++] = pattern | prefix;
    let left = value - prefix;
    for (; left >= 0x80; left >>>= 7) this.#block[this.#at++] = (left & 0x7f) | 0x80;
    this.#block[this.#at++] = left;
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#block.length) return;
    const larger = Buffer.allocUnsafe((this.#at + bytes) * 2);
    this.#block.copy(larger, 0, 0, this.#at);
    this.#block = larger;
  }
}

function valuesOf(table: Map<string, Map<string, number>>, name: string): Map<string, number> {
  const values = table.get(name) ?? new Map<string, number>();
  table.set(name, values);
  return values;
}
