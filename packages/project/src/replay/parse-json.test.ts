import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseJson } from './parse-json.js';

describe('parseJson', () => {
  it.each([
    ['', 1, 1, 'is empty'],
    ['{"a": tru}', 1, 7, 'has "tru" where a value belongs'],
    ['{"a": 1,}', 1, 9, 'has "}" where a name in double quotes belongs'],
    ["{'a': 1}", 1, 2, `has "'" where a name in double quotes or "}" belongs`],
    ['{\n  "a" 1\n}', 2, 7, 'has "1" where ":" belongs'],
    ['[1 2]', 1, 4, 'has "2" where "," or "]" belongs'],
    ['[1, 2] x', 1, 8, 'has "x" where the end belongs'],
    ['{"a": [1', 1, 9, 'ends in the middle, where "," or "]" belongs'],
    ['{"a": "x\ny"}', 1, 9, 'has "\\n" where the rest of a string in double quotes, its line breaks as \\n belongs'],
  ])('%j', (text, line, column, reason) => {
    expect(parseJson(text)).toEqual({ ok: false, line, column, reason });
  }); // prettier-ignore

  it('reads what JSON.parse reads, and finds a fault in everything else', () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(), fc.constantFrom('', '}', ',', '"', 'x', '['), (json, at, extra) => {
        const place = at % (json.length + 1);
        const text = json.slice(0, place) + extra + json.slice(place);
        let expected: unknown;
        try {
          expected = JSON.parse(text);
        } catch {
          const parsed = parseJson(text);
          expect(parsed).toMatchObject({ ok: false, line: expect.any(Number) });
          return;
        }
        expect(parseJson(text)).toEqual({ ok: true, value: expected });
      }),
    );
  });

  it('takes a BOM, and a string of many megabytes', () => {
    expect(parseJson('\uFEFF[1]')).toEqual({ ok: true, value: [1] });
    expect(parseJson(`["${'a'.repeat(20_000_000)}"`)).toMatchObject({ ok: false, line: 1 });
  });
});
