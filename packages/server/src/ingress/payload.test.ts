import { describe, expect, it } from 'vitest';
import { parsePayload } from './payload.js';

const read = (type: string | undefined, text: string) => parsePayload(type, Buffer.from(text));

describe('what a body says', () => {
  it.each([
    ['application/json', '{"a":[1]}', { a: [1] }],
    ['application/vnd.partner+json; charset=utf-8', '"x"', 'x'],
    ['application/x-www-form-urlencoded', 'a=1&b=%20&b=2', { a: '1', b: [' ', '2'] }],
    ['text/xml', '<a/>', { raw: '<a/>' }],
    [undefined, 'anything', { raw: 'anything' }],
    ['application/json', '', null],
  ])('%s %j', (type, text, payload) => {
    expect(read(type, text)).toEqual(payload);
  });

  it.each([
    ['application/json', '{', 'VALIDATION_ERROR'],
    ['application/json', '{"__proto__":1}', 'VALIDATION_ERROR'],
    ['application/json', '"\\u0000"', 'VALIDATION_ERROR'],
    ['application/x-www-form-urlencoded', 'a=%00', 'VALIDATION_ERROR'],
    ['application/x-www-form-urlencoded', '__proto__=1', 'VALIDATION_ERROR'],
    ['text/plain', '\0', 'VALIDATION_ERROR'],
    ['multipart/form-data; boundary=x', '--x--', 'UNSUPPORTED_MEDIA_TYPE'],
  ])('%s %j is refused', (type, text, code) => {
    expect(() => read(type, text)).toThrow(expect.objectContaining({ code }));
  });

  it('bytes that are no text are refused', () => {
    expect(() => parsePayload('application/octet-stream', Uint8Array.of(0xff, 0xfe))).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED_MEDIA_TYPE' }),
    );
  });
});
