import fc from 'fast-check';
import { parse, stringify } from 'smol-toml';
import { expect, test } from 'vitest';
import { locateToml, type TomlPath } from './locate.js';

const SOURCE = `# [not.a.table]
title = "a # b \\" [c]" # note
'quoted key'.sub = 'lit\\'

[[workflow]]
name = "one"
list = [ "x", # first
  [1, 2], { deep = """
]}""" } ]
  [workflow.nested]
  when = 1979-05-27 07:32:00
[[workflow]]
inline = { a = 1, "b.c" = [ { d = true } ] }
[[workflow.required]]
key = "K"
[[workflow.required]]
key = "L"
`;

test.each<[TomlPath, string, number, number]>([
  [['title'], '"a # b \\" [c]"', 2, 1],
  [['quoted key', 'sub'], "'lit\\'", 3, 1],
  [['workflow', 0, 'name'], '"one"', 6, 1],
  [['workflow', 0, 'list', 0], '"x"', 7, 10],
  [['workflow', 0, 'list', 1], '[1, 2]', 8, 3],
  [['workflow', 0, 'list', 2, 'deep'], '"""\n]}"""', 8, 13],
  [['workflow', 0, 'nested', 'when'], '1979-05-27 07:32:00', 11, 3],
  [['workflow', 1, 'inline', 'b.c', 0, 'd'], 'true', 13, 31],
  [['workflow', 1, 'required', 1, 'key'], '"L"', 17, 1],
])('%j is found (1, 2)', (path, value, line, column) => {
  const toml = locateToml(SOURCE);
  const entry = toml.entry(path)!;
  expect(SOURCE.slice(entry.valueStart, entry.valueEnd)).toBe(value);
  expect(toml.position(path)).toEqual({ line, column });
});

test('what is not written is at its nearest ancestor, else nowhere', () => {
  const toml = locateToml(SOURCE);
  expect(toml.position(['workflow', 1, 'version'])).toEqual({ line: 12, column: 1 });
  expect(toml.position(['workflow', 1, 'required', 0, 'group'])).toEqual({ line: 14, column: 1 });
  expect(toml.position(['absent'])).toBeUndefined();
});

test('a table ends where the next begins (3)', () => {
  const { tables } = locateToml(SOURCE);
  expect(tables.map(({ path }) => path.join('.'))).toEqual([
    'workflow.0',
    'workflow.0.nested',
    'workflow.1',
    'workflow.1.required.0',
    'workflow.1.required.1',
  ]);
  tables.forEach((table, index) => {
    expect(table.bodyEnd).toBe(tables[index + 1]?.headerStart ?? SOURCE.length);
  });
});

test('every value of any document is found, and parses back alone (1)', () => {
  const key = fc.string({ minLength: 1, maxLength: 5 }).filter((name) => name !== '__proto__');
  const { tree } = fc.letrec((tie) => ({
    leaf: fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.array(fc.string(), { maxLength: 3 })),
    tree: fc.dictionary(key, fc.oneof({ maxDepth: 2 }, tie('leaf'), tie('tree')), { maxKeys: 4 }),
  }));
  fc.assert(
    fc.property(tree, (document) => {
      const source = stringify(document);
      const data: unknown = parse(source);
      for (const { path, valueStart, valueEnd } of locateToml(source).entries) {
        const written = parse(`value = ${source.slice(valueStart, valueEnd)}`)['value'];
        const value = path.reduce<unknown>((node, part) => Reflect.get(node as object, part), data);
        expect(written).toEqual(value);
      }
    }),
    { numRuns: 500 },
  );
});

test.each([
  ['"\\\\e" = 1', '\\e'],
  ['"\\\\U0001F600" = 1', '\\U0001F600'],
  ['"\\u00e9\\U0001F600" = 1', 'é😀'],
])('the escapes of the key in %j are read once', (source, key) => {
  expect(locateToml(source).entry([key])).toBeDefined();
});
