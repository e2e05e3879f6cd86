import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ErrorCode } from './frames.js';
import { HeaderDecoder } from './header-decoder.js';
import { HeaderEncoder, type Field, type Kept } from './header-encoder.js';
import { readHuffman } from './huffman.js';

const LIST_BYTES = 4_096;

const hex = (text: string): Buffer => Buffer.from(text.replace(/\s/g, ''), 'hex');

/** What a list is read as. */
function merged(fields: readonly Field[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of fields) headers[name] = name in headers ? `${headers[name]},${value}` : value;
  return headers;
}

describe('a block', () => {
  test('reads as RFC 7541 (C.4) says: three requests that share a table, in Huffman’s code', () => {
    const decoder = new HeaderDecoder(LIST_BYTES);
    const first = { ':method': 'GET', ':scheme': 'http', ':path': '/', ':authority': 'www.example.com' };
    expect({ ...decoder.decode(hex('8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff')) }).toEqual(first);
    expect({ ...decoder.decode(hex('8286 84be 5886 a8eb 1064 9cbf')) }).toEqual({
      ...first,
      'cache-control': 'no-cache',
    });
    expect({ ...decoder.decode(hex('8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf')) }).toEqual(
      {
        ...first,
        ':scheme': 'https',
        ':path': '/index.html',
        'custom-key': 'custom-value',
      },
    );
  });

  test('reads as what was written, whatever came before it, and when the table changes its size', () => {
    const text = fc.string({
      unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
    });
    const field = fc.tuple(
      fc.oneof(
        fc.constantFrom(':path', 'te', 'grpc-timeout', 'x-long'),
        text.map((name) => `x-${name}`),
      ),
      fc.oneof(text, fc.constantFrom('a', 'b'.repeat(700))),
      fc.constantFrom<Kept>('again', 'once', 'secret'),
    );
    const resize = fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, fc.nat(6_000));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(resize, fc.array(field, { maxLength: 8 })), { maxLength: 30 }),
        (lists) => {
          const encoder = new HeaderEncoder();
          const decoder = new HeaderDecoder(1_000_000);
          for (const [size, fields] of lists) {
            if (size !== undefined) encoder.resize(size);
            expect({ ...decoder.decode(encoder.encode(fields)) }).toEqual(merged(fields));
          }
        },
      ),
    );
  });

  test('of what was sent before is a byte for each header', () => {
    const encoder = new HeaderEncoder();
    const fields: Field[] = [
      [':method', 'POST', 'again'],
      ['x-name', 'some value', 'again'],
    ];
    encoder.encode(fields);
    expect(encoder.encode(fields)).toHaveLength(2);
  });

  test('has a secret written out each time, marked for nobody to keep', () => {
    const encoder = new HeaderEncoder();
    const secret: Field[] = [['authorization', 'Bearer x', 'secret']];
    expect(encoder.encode(secret)).toEqual(encoder.encode(secret));
    expect(encoder.encode(secret)[0]! & 0xf0).toBe(0x10);
  });

  test('with a list that is too large is read to its end, for those that follow', () => {
    const encoder = new HeaderEncoder();
    const decoder = new HeaderDecoder(LIST_BYTES);
    const kept: Field = ['x-kept', 'value', 'again'];
    expect(
      decoder.decode(encoder.encode([['x-long', 'a'.repeat(LIST_BYTES), 'once'], kept])),
    ).toBeUndefined();
    expect({ ...decoder.decode(encoder.encode([kept])) }).toEqual({ 'x-kept': 'value' });
  });

  test('that names one large entry many times makes no large list', () => {
    const decoder = new HeaderDecoder(LIST_BYTES);
    const large = new HeaderEncoder().encode([['x', 'a'.repeat(4_000), 'again']]);
    decoder.decode(large);
    expect(decoder.decode(Buffer.alloc(16_000, 0xbe))).toBeUndefined();
  });
});

describe('a block that is none ends the connection:', () => {
  test.each([
    ['an entry that there is not', 'ff00'],
    ['index 0', '80'],
    ['a number that never ends', '7fffffffffffff'],
    ['a string that is cut off', '4005616263'],
    ['a table larger than agreed', '3fe21f'],
    ['nothing after a name', '4001 61'],
    ['padding that is not the end of a string', '4001 61 81 00'],
    ['the end of a string in it', '4001 61 84 ffffffff'],
  ])('%s', (_what, block) => {
    expect(() => new HeaderDecoder(LIST_BYTES).decode(hex(block))).toThrow(
      expect.objectContaining({ code: ErrorCode.compressionError }) as Error,
    );
  });

  test('a value in which some would see a line’s end', () => {
    const block = new HeaderEncoder().encode([['x', 'a\r\nb: c', 'once']]);
    expect(() => new HeaderDecoder(LIST_BYTES).decode(block)).toThrow('control characters');
  });

  test('any bytes are a list or an error, and take a bounded time', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        try {
          new HeaderDecoder(LIST_BYTES).decode(Buffer.from(bytes));
        } catch (error) {
          expect(error).toHaveProperty('code');
        }
      }),
    );
  });

  test('Huffman’s code of every length is read', () => {
    // '0' has five bits, '\\' nineteen, and 0x0a thirty: RFC 7541, appendix B.
    expect(readHuffman(hex('07'))).toBe('0');
    expect(readHuffman(hex('fffe1f'))).toBe('\\');
    expect(readHuffman(hex('fffffff3'))).toBe('\n');
  });
});
