import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  access,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  packResult,
  packWorkspace,
  takeResult,
  unpackWorkspace,
} from '../../packages/agents/src/isolation/bundles.js';
import { mergeTree } from '../../packages/agents/src/isolation/merge.js';
import { branchOf } from '../../packages/agents/src/isolation/tree-state.js';

/** Workspaces as bundles, there and back: `bundles.ts`, its invariants by number. */
let folder: string;
let root: string;
let there: string;
let file: string;
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'pegasus-bundles-')));
  [root, there, file] = [join(folder, 'here'), join(folder, 'there'), join(folder, 'workspace.bundle')];
  await mkdir(join(root, 'src'), { recursive: true });
  git(root, 'init', '--quiet', '--initial-branch=main');
  await writeFile(join(root, 'src/a'), 'a\n');
  await writeFile(join(root, 'b'), 'b\n');
  await writeFile(join(root, '.gitignore'), 'ignored\n');
  git(root, 'add', '--all');
  git(root, 'commit', '--quiet', '-m', 'begin');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function run(cwd: string, args: string[], input?: string | Buffer): string {
  const who = ['-c', 'user.name=A person', '-c', 'user.email=person@example.invalid'];
  return execFileSync('git', [...who, ...args], {
    cwd,
    encoding: 'utf8',
    input,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}
const git = (cwd: string, ...args: string[]): string => run(cwd, args);
const text = (...path: string[]): Promise<string> => readFile(join(...path), 'utf8');

/** All of a repository's own files. */
async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for (const entry of await readdir(path, { recursive: true, withFileTypes: true }))
    if (entry.isFile())
      hash
        .update(join(entry.parentPath, entry.name))
        .update(await readFile(join(entry.parentPath, entry.name)));
  return hash.digest('hex');
}

it('a workspace goes there, and what was done comes back as a branch', async () => {
  const packed = await packWorkspace(root, file);
  expect(packed.work).toBe(packed.base);
  expect(await unpackWorkspace(file, there)).toEqual({ base: packed.base, work: packed.work });
  await writeFile(join(there, 'src/a'), 'changed\n');
  await writeFile(join(there, 'new'), 'new\n');
  const back = join(folder, 'back.bundle');
  const { commit } = await packResult(there, packed.base, back);
  const taken = await takeResult(root, back, { taskId: 't', base: packed.base });
  expect(taken).toEqual({ branch: branchOf('t'), commit, filesChanged: ['new', 'src/a'] });
  expect([await text(root, 'src/a'), git(root, 'status', '--porcelain', '--', '.', ':!.pugi')]).toEqual([
    'a\n',
    '',
  ]);
  expect((await mergeTree(root, 't', { approve: true })).status).toBe('merged');
  expect([await text(root, 'src/a'), await text(root, 'new')]).toEqual(['changed\n', 'new\n']);
});

it('a workspace with changes goes there as it is, and nothing of it is written (invariant 1)', async () => {
  await writeFile(join(root, 'src/a'), 'staged\n');
  git(root, 'add', 'src/a');
  await writeFile(join(root, 'src/a'), 'not staged\n');
  await rm(join(root, 'b'));
  await writeFile(join(root, 'unknown'), 'unknown\n');
  await writeFile(join(root, 'ignored'), 'ignored\n');
  await mkdir(join(root, '.pugi'));
  await writeFile(join(root, '.pugi/events.jsonl'), 'secret\n');
  const before = await digestOf(root);
  const packed = await packWorkspace(root, file);
  expect(await digestOf(root)).toBe(before);
  await unpackWorkspace(file, there);
  expect((await readdir(there)).sort()).toEqual(['.git', '.gitignore', 'src', 'unknown']);
  expect(await text(there, 'src/a')).toBe('not staged\n');
  const back = join(folder, 'back.bundle');
  expect(await packResult(there, packed.base, back)).toMatchObject({ commit: undefined });
  await writeFile(join(there, 'unknown'), 'by the dispatch\n');
  await packResult(there, packed.base, back);
  await takeResult(root, back, { taskId: 't', base: packed.base });
  // What both have changed is for a person to look at.
  expect(await mergeTree(root, 't', { approve: true })).toMatchObject({ status: 'blocked' });
  expect(await text(root, 'unknown')).toBe('unknown\n');
});

describe('a bundle that is hostile (invariant 2)', () => {
  let work: string;
  beforeEach(async () => {
    work = join(folder, 'hostile');
    git(folder, 'clone', '--quiet', root, work);
  });

  /** A bundle of a tree that no git would make. Entries: mode, name, id. */
  function bundleOf(entries: [string, string, string][], into: string): string {
    const base = git(work, 'rev-parse', 'HEAD').trim();
    const raw = Buffer.concat(
      entries.map(([mode, name, id]) =>
        Buffer.concat([Buffer.from(`${mode} ${name}\0`), Buffer.from(id, 'hex')]),
      ),
    );
    const tree = run(work, ['hash-object', '-t', 'tree', '-w', '--literally', '--stdin'], raw).trim();
    const made = git(work, 'commit-tree', tree, '-p', base, '-m', 'hostile').trim();
    git(work, 'update-ref', 'refs/pugi/base', base);
    git(work, 'update-ref', 'refs/pugi/work', made);
    git(work, 'bundle', 'create', '--quiet', into, 'refs/pugi/base', 'refs/pugi/work');
    return base;
  }
  const blob = (content: string): string => run(work, ['hash-object', '-w', '--stdin'], content).trim();
  const treeOf = (name: string, id: string): string =>
    run(work, ['mktree'], `100644 blob ${id}\t${name}\n`).trim();

  it.each<[string, () => [string, string, string][]]>([
    ['.git', () => [['40000', '.git', treeOf('config', blob('[core]\n'))]]],
    ['.GIT', () => [['40000', '.GIT', treeOf('config', blob('[core]\n'))]]],
    ['git~1', () => [['40000', 'git~1', treeOf('config', blob('[core]\n'))]]],
    ['.git that cannot be seen', () => [['40000', '.g\u200cit', treeOf('config', blob('[core]\n'))]]],
    ['..', () => [['40000', '..', treeOf('escaped', blob('x'))]]],
    ['a name with a slash', () => [['100644', '../escaped', blob('x')]]],
    [
      'a link and a folder of one name',
      () => [
        ['120000', 'x', blob('/tmp')],
        ['40000', 'x', treeOf('escaped', blob('x'))],
      ],
    ],
    ['.gitmodules that is a link', () => [['120000', '.gitmodules', blob('/etc/passwd')]]],
  ])('with %s is refused, there and here', async (_, entries) => {
    const before = await digestOf(root);
    const base = bundleOf(entries(), file);
    await expect(unpackWorkspace(file, there)).rejects.toMatchObject({ code: 'VALIDATION_ERROR' });
    await expect(access(there)).rejects.toThrow('ENOENT');
    const back = join(folder, 'back.bundle');
    git(work, 'bundle', 'create', '--quiet', back, 'refs/pugi/work', `^${base}`);
    await expect(takeResult(root, back, { taskId: 't', base })).rejects.toMatchObject({
      code: 'VALIDATION_ERROR',
    });
    expect(await digestOf(root)).toBe(before);
  });

  it.each(['/etc/passwd', '../../x', 'src/../../x'])(
    'with a new link to %s is not taken (invariant 3)',
    async (target) => {
      const base = git(work, 'rev-parse', 'HEAD').trim();
      await symlink(target, join(work, 'src/link'));
      git(work, 'add', '--all');
      git(work, 'commit', '--quiet', '-m', 'a link');
      git(work, 'update-ref', 'refs/pugi/work', 'HEAD');
      git(work, 'bundle', 'create', '--quiet', file, 'refs/pugi/work', `^${base}`);
      const taken = takeResult(root, file, { taskId: 't', base });
      if (target === '../../x' || target.startsWith('/'))
        await expect(taken).rejects.toThrow(/a link out of the workspace/);
      else expect((await taken).filesChanged).toEqual(['src/link']);
    },
  );

  it('that is no bundle, is cut off, has bytes changed, names other branches, or is too large is refused', async () => {
    const { base } = await packWorkspace(root, file);
    const whole = await readFile(file);
    await expect(unpackWorkspace(file, there, { mostBytes: 100 })).rejects.toMatchObject({
      code: 'PAYLOAD_TOO_LARGE',
    });
    const flipped = Buffer.from(whole);
    flipped[whole.length - 40]! ^= 1;
    for (const bytes of [Buffer.from('no bundle'), Buffer.alloc(0), whole.subarray(0, -30), flipped]) {
      await writeFile(file, bytes);
      await expect(unpackWorkspace(file, there)).rejects.toMatchObject({ code: 'VALIDATION_ERROR' });
      await expect(takeResult(root, file, { taskId: 't', base })).rejects.toMatchObject({
        code: 'VALIDATION_ERROR',
      });
    }
    git(work, 'bundle', 'create', '--quiet', file, 'main');
    await expect(unpackWorkspace(file, there)).rejects.toThrow(/names something else/);
    await rm(file);
    await symlink('/etc/passwd', file);
    await expect(unpackWorkspace(file, there)).rejects.toThrow(/no regular file/);
  });

  it('that does not go on from what was handed out is not taken, nor a second one for a task', async () => {
    const { base } = await packWorkspace(root, file);
    await unpackWorkspace(file, there);
    await writeFile(join(there, 'b'), 'changed\n');
    const back = join(folder, 'back.bundle');
    await packResult(there, base, back);
    await writeFile(join(root, 'b'), 'gone on\n');
    git(root, 'commit', '--quiet', '--all', '-m', 'gone on');
    const later = git(root, 'rev-parse', 'HEAD').trim();
    await expect(takeResult(root, back, { taskId: 't', base: later })).rejects.toThrow(/does not go on from/);
    await takeResult(root, back, { taskId: 't', base });
    await expect(takeResult(root, back, { taskId: 't', base })).rejects.toMatchObject({ code: 'CONFLICT' });
    expect((await mergeTree(root, 't', { approve: true })).status).toBe('conflict');
  });
});
