import { link, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resolvePath, workspaceRoot } from './resolve.js';
import { foldOf, traitsOf } from './traits.js';

let folder: string;
let root: string;
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'pegasus-paths-')));
  root = await workspaceRoot(join(folder, '.')).then((made) => join(made, 'tree'));
  await mkdir(join(root, 'src/deep'), { recursive: true });
  await mkdir(join(folder, 'outside'));
  await writeFile(join(root, 'src/a'), '');
  await link(join(root, 'src/a'), join(root, 'src/same'));
  await writeFile(join(folder, 'outside/secret'), '');
  const links: Record<string, string> = {
    inside: 'src',
    'src/up': '..',
    out: '../outside',
    absolute: join(folder, 'outside'),
    home: root,
    dangling: '../outside/new',
    'dangling-inside': 'src/new',
    circle: 'circle2',
    circle2: 'circle',
    chain: 'inside/deep',
  };
  for (const [name, target] of Object.entries(links)) await symlink(target, join(root, name));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('a path leads', () => {
  it.each([
    ['src/a', 'src/a'],
    ['./src//a/', 'src/a'],
    ['', ''],
    ['.', ''],
    ['src/../src/deep', 'src/deep'],
    ['new/file', 'new/file'],
    ['inside/a', 'src/a'],
    ['chain/x', 'src/deep/x'],
    // By links, as the kernel goes, and not by names.
    ['inside/../src/a', 'src/a'],
    ['chain/../a', 'src/a'],
    ['src/up/src/a', 'src/a'],
    ['home/src', 'src'],
    ['dangling-inside', 'src/new'],
    ['..', undefined],
    ['../tree2', undefined],
    ['src/../../outside/secret', undefined],
    ['out', undefined],
    ['out/secret', undefined],
    ['absolute/secret', undefined],
    ['dangling', undefined],
    ['chain/../../../outside', undefined],
    ['circle', undefined],
    ['circle/x', undefined],
    ['/etc/passwd', undefined],
    ['src/a\0b', undefined],
    ['../'.repeat(50), undefined],
    ['x/'.repeat(5_000), undefined],
  ])('from %j to %j', async (requested, real) =>
    expect((await resolvePath(root, requested)).real).toBe(real),
  );

  it('out of the workspace and in again', async () => {
    expect((await resolvePath(root, '../tree/src/a')).real).toBe('src/a');
    expect((await resolvePath(root, join(root, 'src/a'))).real).toBe('src/a');
  });

  it('to a file of which all names on the way are known', async () => {
    expect(await resolvePath(root, 'chain/x')).toEqual({
      requested: 'chain/x',
      real: 'src/deep/x',
      through: ['chain/x', 'inside/deep/x'],
      links: 0,
    });
  });

  it('to a file that has several names', async () => {
    expect((await resolvePath(root, 'src/a')).links).toBe(2);
    expect((await resolvePath(root, 'src')).links).toBe(0);
  });

  it('never out of the workspace without being said to', async () => {
    const part = fc.constantFrom(
      'src',
      '..',
      '.',
      '',
      'a',
      'inside',
      'out',
      'src/up',
      'chain',
      'home',
      'circle',
      'new',
    );
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 10 }), async (parts) => {
        const requested = parts.join('/');
        const { real } = await resolvePath(root, requested.startsWith('/') ? `.${requested}` : requested);
        const truth = await realpath(join(root, '.') + '/' + requested).catch(() => undefined);
        // What the kernel finds is where we say it is.
        if (truth !== undefined) {
          const inside = truth === root || truth.startsWith(`${root}/`);
          expect(real === undefined ? undefined : join(root, real)).toBe(inside ? truth : undefined);
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe('names', () => {
  it('of this file system are told apart as it tells them apart', async () => {
    const traits = await traitsOf(root);
    const fold = foldOf(traits);
    expect(fold('A') === fold('a')).toBe(traits.ignoresCase);
  });

  it('are folded in every way in which a file system may', () => {
    const fold = foldOf({ ignoresCase: true, normalizes: true });
    for (const [one, other] of [
      ['README', 'readme'],
      ['\u00c9', 'e\u0301'],
      ['STRASSE', 'stra\u00dfe'],
      ['\u03a3', '\u03c2'],
      ['\ufb01le', 'FILE'],
      ['\u212a', 'k'],
    ] as const)
      expect(fold(one)).toBe(fold(other));
  });
});
