import fc from 'fast-check';
import { parse } from 'smol-toml';
import { describe, expect, it } from 'vitest';
import { setProfile, UneditableError } from './edit.js';

const name = fc.stringMatching(/^[A-Za-z0-9_-]{1,12}$/).filter((text) => text !== '__proto__');
const value = fc.string({ maxLength: 20 });
const comment = fc.stringMatching(/^# [ -~]{0,20}$/);
const block = fc.record({ name, key: value, root: fc.option(value), comment, trailing: fc.boolean() });
type Block = typeof block extends fc.Arbitrary<infer T> ? T : never;

function write(blocks: Block[]): string {
  return blocks
    .map(({ name, key, root, comment, trailing }) =>
      [
        comment,
        `[${name}]${trailing ? ` ${comment}` : ''}`,
        `api_key = ${JSON.stringify(key)}${trailing ? ` ${comment}` : ''}`,
        ...(root === null ? [] : [`api_root = ${JSON.stringify(root)}`]),
        'note = "kept"',
        '',
      ].join('\n'),
    )
    .join('\n');
}

const blocks = fc.uniqueArray(block, { selector: (one) => one.name, maxLength: 5 });

describe('setProfile', () => {
  it('sets exactly what was asked for, and reads back', () => {
    fc.assert(
      fc.property(blocks, name, value, fc.option(value), (existing, target, key, root) => {
        const text = write(existing);
        const values = { api_key: key, ...(root === null ? {} : { api_root: root }) };
        const after = parse(setProfile(text, target, values));
        expect(after[target]).toMatchObject(values);
      }),
    );
  });

  it("keeps every line that is not the profile's own: other profiles, comments, order", () => {
    fc.assert(
      fc.property(blocks, name, value, (existing, target, key) => {
        const before = write(existing).trimEnd().split('\n');
        const after = setProfile(write(existing), target, { api_key: key, api_root: 'http://x' }).split('\n');
        const own = ownLines(before, target);
        const foreign = before.filter((line, index) => line !== '' && !own.has(index));
        let from = 0;
        for (const line of foreign) {
          from = after.indexOf(line, from) + 1;
          expect(from).toBeGreaterThan(0);
        }
      }),
    );
  });

  it('keeps the comment behind a value that it changes', () => {
    const text = '[local]\napi_key = "old" # from dev\n';
    expect(setProfile(text, 'local', { api_key: 'new' })).toBe('[local]\napi_key = "new" # from dev\n');
  });

  it('keeps CRLF line endings', () => {
    const text = '[a]\r\napi_key = "1"\r\n';
    expect(setProfile(text, 'b', { api_key: '2' })).toBe(
      '[a]\r\napi_key = "1"\r\n\r\n[b]\r\napi_key = "2"\r\n',
    );
  });

  it('keeps a byte order mark', () => {
    expect(setProfile('\uFEFF[a]\napi_key = "1"\n', 'a', { api_key: '2' })).toBe(
      '\uFEFF[a]\napi_key = "2"\n',
    );
  });

  it('keeps CRLF behind a changed value, its comment and an unfinished last line', () => {
    const text = '[a] # first\r\napi_key = "1" # kept\r\n[b]\r\napi_key = "2"';
    expect(setProfile(text, 'a', { api_key: '3', api_root: 'http://x' })).toBe(
      '[a] # first\r\napi_key = "3" # kept\r\napi_root = "http://x"\r\n[b]\r\napi_key = "2"\r\n',
    );
    expect(setProfile(text, 'c', { api_key: '3' })).toBe(`${text}\r\n\r\n[c]\r\napi_key = "3"\r\n`);
  });

  it('edits a file of mixed line endings', () => {
    expect(setProfile('[a]\napi_key = "1"\n[b]\r\napi_key = "2"\r\n', 'b', { api_key: '3' })).toBe(
      '[a]\napi_key = "1"\n[b]\r\napi_key = "3"\r\n'.replace(/\r\n$/, '\n'),
    );
  });

  it('is idempotent', () => {
    fc.assert(
      fc.property(blocks, name, value, (existing, target, key) => {
        const once = setProfile(write(existing), target, { api_key: key });
        expect(setProfile(once, target, { api_key: key })).toBe(once);
      }),
    );
  });

  it.each([
    ['an inline table', 'local = { api_key = "k" }\n'],
    ['no TOML', '[local\n'],
    ['a multi-line key', '[local]\napi_key = """\nk"""\n'],
  ])('refuses %s instead of damaging it', (_label, text) => {
    expect(() => setProfile(text, 'local', { api_key: 'new' })).toThrow(UneditableError);
  });
});

function ownLines(lines: string[], target: string): Set<number> {
  const own = new Set<number>();
  let inside = false;
  for (const [index, line] of lines.entries()) {
    if (line.startsWith('[')) inside = line === `[${target}]` || line.startsWith(`[${target}] `);
    if (inside && /^api_(key|root) =/.test(line)) own.add(index);
  }
  return own;
}
