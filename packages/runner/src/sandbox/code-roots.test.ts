import { chmod, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { closedTo, codeRoots, outermost } from './code-roots.js';

let dir: string;
beforeEach(async () => (dir = await realpath(await mkdtemp(join(tmpdir(), 'pegasus-roots-')))));
afterEach(() => rm(dir, { recursive: true, force: true }));

async function file(path: string, text = ''): Promise<void> {
  await mkdir(dirname(join(dir, path)), { recursive: true });
  await writeFile(join(dir, path), text);
}
const manifest = (...dependencies: string[]): string =>
  JSON.stringify({ dependencies: Object.fromEntries(dependencies.map((name) => [name, '1'])) });

test('in a workspace: what is built of each package of ours that is needed, and where imports are looked up', async () => {
  await file('packages/runner/package.json', manifest('kit', 'zod'));
  await file('packages/runner/dist/main.js');
  await file('packages/runner/src/main.ts');
  await file('packages/kit/package.json', manifest('pino'));
  await file('packages/kit/dist/index.js');
  await file('packages/kit/node_modules/pino/package.json', manifest());
  await file('packages/server/package.json', manifest());
  await file('node_modules/zod/package.json', manifest());
  await symlink('../packages/kit', join(dir, 'node_modules/kit'));
  const roots = codeRoots(join(dir, 'packages/runner')).filter((path) => path.startsWith(dir));
  expect(roots.map((path) => path.slice(dir.length + 1)).sort()).toEqual([
    'node_modules',
    'packages/kit/dist',
    'packages/kit/node_modules',
    'packages/kit/package.json',
    'packages/runner/dist',
    'packages/runner/package.json',
  ]);
});

test('installed: the one folder of all packages', async () => {
  await file('lib/node_modules/runner/package.json', manifest('kit'));
  await file('lib/node_modules/runner/dist/main.js');
  await file('lib/node_modules/kit/package.json', manifest());
  await file('lib/settings.env', 'a secret');
  const roots = codeRoots(join(dir, 'lib/node_modules/runner')).filter((path) => path.startsWith(dir));
  expect(roots).toEqual([join(dir, 'lib/node_modules')]);
});

test('no path lies within another', () => {
  expect(outermost(['/a/b', '/a', '/ab', '/a/b/c', '/a'])).toEqual(['/a', '/ab']);
});

test('a folder that others cannot enter is named, and a file that they cannot read', async () => {
  await file('open/closed/x');
  await chmod(dir, 0o755);
  await chmod(join(dir, 'open/closed/x'), 0o644);
  expect(closedTo(join(dir, 'open/closed/x'))).toBeUndefined();
  await chmod(join(dir, 'open/closed/x'), 0o640);
  expect(closedTo(join(dir, 'open/closed/x'))).toBe(join(dir, 'open/closed/x'));
  await chmod(join(dir, 'open/closed'), 0o700);
  expect(closedTo(join(dir, 'open/closed/x'))).toBe(join(dir, 'open/closed'));
});
