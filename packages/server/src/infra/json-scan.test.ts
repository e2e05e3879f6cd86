import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scanJson } from './json-scan.js';

describe('scanJson', () => {
  it.each([
    ['1', 0],
    ['[]', 1],
    ['{"a": [[], {}], "b": "[[[[{{{{"}', 3],
    ['"\\"[[["', 0],
  ])('%s nests %d deep', (text, depth) => expect(scanJson(text).depth).toBe(depth));

  it('does not recurse', () => {
    expect(scanJson(`${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}`).depth).toBe(1_000_000);
  });

  it.each([
    ['"a\\u0000"', false],
    ['{"\\u0000": 1}', false],
    ['"\\\\u0000"', true],
    ['"\\ud83d\\ude00"', true],
    ['"\\ud83d"', false],
    ['"\\ude00\\ud83d"', false],
  ])('%s can be stored: %s', (text, storable) => expect(scanJson(text).storable).toBe(storable));

  it.each([
    ['{"__proto__": 1}', true],
    ['[{"a": {"__proto__"   :{}}}]', true],
    [`{"__proto__"${' '.repeat(500)}:1}`, true],
    ['{"\\u005f_proto__": 1}', true],
    [`{"${[...'__proto__'].map((c) => `\\u00${c.charCodeAt(0).toString(16)}`).join('')}": 1}`, true],
    ['{"a": "__proto__"}', false],
    ['["__proto__", "\\u005f_proto__"]', false],
    ['{"constructor": {"prototype": 1}, "__proto": 2, "\\\\u005f_proto__": 3}', false],
    ['{"a": "{\\"__proto__\\": 1}"}', false],
  ])('%s has the key __proto__: %s', (text, has) => expect(scanJson(text).hasProtoKey).toBe(has));

  it.each([
    ['[1e308, -1e308, 1e-999, 0.1, 12345678901234567890]', false],
    ['1e309', true],
    ['{"a": [-1E+400]}', true],
    [`[${'9'.repeat(400)}]`, true],
    [`[0.${'9'.repeat(400)}]`, false],
    ['"1e999"', false],
  ])('%s has a number beyond the finite: %s', (text, has) => expect(scanJson(text).hasInfinity).toBe(has));

  it('finds nothing wrong exactly where a round trip changes nothing', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), (text) => {
        const { hasInfinity, hasProtoKey } = scanJson(text);
        const own = (value: unknown): boolean =>
          typeof value === 'object' &&
          value !== null &&
          (Object.hasOwn(value, '__proto__') || Object.values(value).some(own));
        expect(hasProtoKey).toBe(own(JSON.parse(text)));
        expect(hasInfinity).toBe(false);
      }),
    );
  });
});
