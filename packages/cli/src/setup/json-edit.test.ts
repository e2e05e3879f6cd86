import fc from 'fast-check';
import { parse, parseTree, type Node } from 'jsonc-parser';
import { describe, expect, it } from 'vitest';
import { addProperty, replaceValue } from './json-edit.js';

const tree = (text: string): Node => {
  const root = parseTree(text, [], { allowTrailingComma: true });
  if (!root) throw new Error(`no tree of ${text}`);
  return root;
};
const add = (text: string): string => addProperty(text, tree(text), 'new', { a: ['b'] });

describe('addProperty', () => {
  it.each([
    ['into an empty object', '{}\n', '{\n  "new": {\n    "a": [\n      "b"\n    ]\n  }\n}\n'],
    ['on one line', '{"a": 1}', '{"a": 1, "new": {"a":["b"]}}'],
    [
      'behind a comment, which stays with its line',
      '{\n\t"a": {"x": 1} // kept\n}\n',
      '{\n\t"a": {"x": 1}, // kept\n\t"new": {\n\t\t"a": [\n\t\t\t"b"\n\t\t]\n\t}\n}\n',
    ],
    [
      'behind a trailing comma, in the style of the file',
      '{\r\n    "a": 1, /* , */\r\n}\r\n',
      '{\r\n    "a": 1, /* , */\r\n    "new": {\r\n        "a": [\r\n            "b"\r\n        ]\r\n    },\r\n}\r\n',
    ],
  ])('%s', (_name, before, after) => {
    expect(add(before)).toBe(after);
  });

  it('adds exactly that, however the file is written, and leaves every other line as it was', () => {
    const document = fc.dictionary(
      fc.string().filter((key) => key !== 'new' && key !== '__proto__'),
      fc.jsonValue(),
    );
    fc.assert(
      fc.property(document, fc.constantFrom(0, 1, 2, 4, '\t'), (value, indent) => {
        const before = JSON.stringify(value, null, indent);
        const after = add(before);
        expect(JSON.parse(after)).toEqual({ ...(JSON.parse(before) as object), new: { a: ['b'] } });
        const kept = before.split('\n').slice(0, -2);
        expect(after.split('\n').slice(0, kept.length)).toEqual(kept);
      }),
    );
  });
});

it('replaceValue puts a value in the place of another, as deep as that one', () => {
  const text = '{\n  "a": { "b": 1 }, // kept\n  "c": 2\n}\n';
  const node = tree(text).children?.[0]?.children?.[1];
  const after = replaceValue(text, node!, { d: 3 });
  expect(after).toBe('{\n  "a": {\n    "d": 3\n  }, // kept\n  "c": 2\n}\n');
  expect(parse(after)).toEqual({ a: { d: 3 }, c: 2 });
});
