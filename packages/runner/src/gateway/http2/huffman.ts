/**
 * HPACK's Huffman code (RFC 7541, appendix B), to read it: what is written here is not compressed, as it crosses no
 * network. The code is canonical: shorter codes come first, and codes of one length in the order of their symbols; so
 * the lengths say all.
 */
import { ConnectionError, ErrorCode } from './frames.js';

/** Bits of each symbol's code in base 36: the 256 bytes, and the end of the string. */
const LENGTHS =
  'dnsssssssoussussssssssusssssssss6aacd68baa8b8666555666666678f6cad67777777777777777777777878djde6f565' +
  '65666577666567655677777fbedskmkkmmmnmnnnnnonoomnonnnnlmnmnnomlkmmnnlnmmolmnnllmlnmnnkmmmnmmnqqkjmnmp' +
  'qqqrrqopjlqrrqrollqqsrrrkoklmllnmmppooqnqrqqrrrrrsrrrrrqu';

const END_OF_STRING = 256;
const LONGEST = 30;

/** Symbols in the order of their codes. */
const SYMBOLS: readonly number[] = [];
/** By length: the first code, how many there are, and where their symbols begin. */
const FIRST_CODE = new Int32Array(LONGEST + 1);
const COUNT = new Int32Array(LONGEST + 1);
const OFFSET = new Int32Array(LONGEST + 1);

{
  const lengths = Array.from(LENGTHS, (digit) => Number.parseInt(digit, 36));
  for (const length of lengths) COUNT[length]!++;
  for (let length = 1, code = 0, offset = 0; length <= LONGEST; length++) {
    code <<= 1;
    FIRST_CODE[length] = code;
    OFFSET[length] = offset;
    code += COUNT[length]!;
    offset += COUNT[length]!;
  }
  const order = [...lengths.keys()].sort((one, other) => lengths[one]! - lengths[other]! || one - other);
  (SYMBOLS as number[]).push(...order);
}

/** @throws {@link ConnectionError} for what is no such string */
export function readHuffman(coded: Uint8Array): string {
  // The shortest code has five bits.
  const text = Buffer.allocUnsafe(Math.ceil((coded.length * 8) / 5));
  let written = 0;
  let code = 0;
  let length = 0;
  for (const byte of coded) {
    for (let bit = 7; bit >= 0; bit--) {
      code = (code << 1) | ((byte >> bit) & 1);
      length++;
      const nth = code - FIRST_CODE[length]!;
      if (nth >= COUNT[length]!) continue;
      const symbol = SYMBOLS[OFFSET[length]! + nth]!;
      if (symbol === END_OF_STRING) throw invalid();
      text[written++] = symbol;
      code = 0;
      length = 0;
    }
  }
  // What is left over is the beginning of the end: ones alone, and less than a byte.
  if (length > 7 || code !== (1 << length) - 1) throw invalid();
  return text.toString('latin1', 0, written);
}

function invalid(): ConnectionError {
  return new ConnectionError(ErrorCode.compressionError, 'a header is not in HPACK’s Huffman code');
}
