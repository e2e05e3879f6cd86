import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  access,
  chmod,
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
import { priceTableSchema } from '../../packages/agents/src/budgets/prices.js';
import {
  dispatchInProcess,
  type InProcessDispatch,
  type InProcessResult,
} from '../../packages/agents/src/dispatch/in-process.js';
import { ScriptedEngine, type ScriptedTurn } from '../../packages/agents/src/engines/scripted.js';
import { mergeTree } from '../../packages/agents/src/isolation/merge.js';
import { sweepTrees } from '../../packages/agents/src/isolation/sweep.js';
import { branchOf } from '../../packages/agents/src/isolation/tree-state.js';
import { discardTree, reviewTree, Worktree } from '../../packages/agents/src/isolation/worktrees.js';
import { EventLog } from '../../packages/agents/src/log/event-log.js';

/** Work trees with real git: `worktrees.ts`, `merge.ts` and `sweep.ts`, their invariants by number. */
const prices = priceTableSchema.parse({ models: { scripted: { inputPerMillion: 1, outputPerMillion: 1 } } });

let root: string;
beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'pegasus-trees-')));
  git('init', '--quiet', '--initial-branch=main');
  for (let n = 0; n < 10; n++) await writeFile(join(root, `file-${n}`), `file ${n}\n`);
  await writeFile(join(root, 'shared'), 'one\ntwo\nthree\n');
  git('add', '--all');
  git('commit', '--quiet', '-m', 'begin');
});
afterEach(() => rm(root, { recursive: true, force: true }));

function git(...args: string[]): string {
  const who = ['-c', 'user.name=A person', '-c', 'user.email=person@example.invalid'];
  return execFileSync('git', [...who, ...args], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}
const text = (path: string): Promise<string> => readFile(join(root, path), 'utf8');
const branches = (): string[] =>
  git('for-each-ref', '--format=%(refname:short)', 'refs/heads/pugi').split('\n').filter(Boolean);
const trees = (): number => git('worktree', 'list', '--porcelain').split('worktree ').length - 2;

/** Of every file of the workspace, its index and its branches but those of dispatches. */
async function digestOfPrimary(): Promise<string> {
  const hash = createHash('sha256');
  const names = await readdir(root, { recursive: true, withFileTypes: true });
  for (const entry of names.sort((a, b) =>
    join(a.parentPath, a.name) < join(b.parentPath, b.name) ? -1 : 1,
  )) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile() || /^\.(git|pugi)\//.test(path.slice(root.length + 1))) continue;
    hash.update(path).update(await readFile(path));
  }
  hash.update(await readFile(join(root, '.git/index'))).update(await text('.git/HEAD'));
  return hash.update(git('rev-parse', 'main')).digest('hex');
}

/** No tree, branch, registration or state is left, and the workspace is as its branch says. */
async function expectNothingLeft(): Promise<void> {
  expect(branches()).toEqual([]);
  expect(trees()).toBe(0);
  const left = await readdir(join(root, '.pugi/worktrees')).catch(() => []);
  expect(left).toEqual([]);
  expect(git('status', '--porcelain', '--', '.', ':!.pugi')).toBe('');
  git('fsck', '--strict', '--no-dangling');
}

async function withLog<T>(work: (log: EventLog) => Promise<T>): Promise<T> {
  const log = await EventLog.open(join(root, '.pugi'));
  try {
    return await work(log);
  } finally {
    await log.close();
  }
}

const write = (path: string, content: string) => ({ name: 'write', arguments: { path, content } });
const edit = (path: string, from: string, to: string): NonNullable<ScriptedTurn['calls']> => [
  { name: 'read', arguments: { path } },
  { name: 'edit', arguments: { path, old_string: from, new_string: to } },
];
function verify(
  id: string,
  log: EventLog,
  calls: ScriptedTurn['calls'],
  more: Partial<InProcessDispatch> = {},
): Promise<InProcessResult> {
  return dispatchInProcess({
    task: { id, role: 'verifier', prompt: 'Go.', permissionMode: 'acceptEdits' },
    folder: root,
    engine: new ScriptedEngine([{ calls: calls! }, { text: 'done' }]),
    prices,
    log,
    ...more,
  });
}

/** Makes a tree with its files, and finishes it. */
async function made(taskId: string, files: Record<string, string>): Promise<void> {
  const tree = await Worktree.open(root, { taskId });
  for (const [path, content] of Object.entries(files)) {
    await mkdir(join(tree.path, path, '..'), { recursive: true });
    await writeFile(join(tree.path, path), content);
  }
  await tree.finish();
}

it('ten at once: the workspace is untouched until each is merged or told to be in conflict', async () => {
  const before = await digestOfPrimary();
  const ids = Array.from({ length: 10 }, (_, n) => `task/${n}`);
  const results = await withLog((log) =>
    Promise.all(
      ids.map((id, n) =>
        verify(id, log, [
          ...edit(`file-${n}`, 'file', 'changed'),
          write(`new/${n}`, 'new'),
          ...(n >= 7 ? edit('shared', 'two', `two of ${n}`) : []),
        ]),
      ),
    ),
  );
  expect(results.map(({ result }) => result.status)).toEqual(Array(10).fill('shipped'));
  expect(results[3]!.result.filesChanged).toEqual(['file-3', 'new/3']);
  expect(results[3]!.result.summary).toContain(`on the branch ${branchOf('task/3')}`);
  expect(await digestOfPrimary()).toBe(before);
  expect([branches().length, trees()]).toEqual([10, 10]);

  const review = await reviewTree(root, 'task/8');
  expect(review.filesChanged).toEqual(['file-8', 'new/8', 'shared']);
  expect(review.patch).toContain('+two of 8');
  for (const id of ids.slice(7)) await mergeTree(root, id, { approve: false });
  expect(await digestOfPrimary()).toBe(before);

  const merged = [];
  for (const id of ids) merged.push(await mergeTree(root, id, { approve: true }));
  expect(merged.map(({ status }) => status)).toEqual([...Array(8).fill('merged'), 'conflict', 'conflict']);
  expect(merged[9]).toMatchObject({
    conflicts: [
      {
        path: 'shared',
        base: { text: 'one\ntwo\nthree\n' },
        ours: { text: 'one\ntwo of 7\nthree\n' },
        theirs: { text: 'one\ntwo of 9\nthree\n' },
      },
    ],
  });
  expect([await text('file-7'), await text('new/7')]).toEqual(['changed 7\n', 'new']);
  expect(await sweepTrees(root)).toMatchObject({ waiting: ['task/8', 'task/9'], removed: [] });
  for (const id of ['task/8', 'task/9']) await discardTree(root, id);
  await expectNothingLeft();
});

describe('a merge', () => {
  it('is blocked by what the workspace has changed in a file that it changes, and by nothing else', async () => {
    await made('t', { 'file-1': 'theirs\n', 'new/x': 'theirs\n' });
    await writeFile(join(root, 'file-1'), 'mine\n');
    await writeFile(join(root, 'file-2'), 'mine\n');
    await mkdir(join(root, 'new'));
    await writeFile(join(root, 'new/x'), 'mine\n');
    const before = await digestOfPrimary();
    expect(await mergeTree(root, 't', { approve: true })).toMatchObject({
      status: 'blocked',
      files: ['file-1', 'new/x'],
    });
    expect(await digestOfPrimary()).toBe(before);
    git('checkout', '--quiet', 'file-1');
    await rm(join(root, 'new'), { recursive: true });
    git('add', 'file-2');
    expect((await mergeTree(root, 't', { approve: true })).status).toBe('merged');
    expect(git('status', '--porcelain')).toBe('M  file-2\n');
    expect([await text('file-1'), await text('new/x')]).toEqual(['theirs\n', 'theirs\n']);
    expect(git('log', '-1', '--format=%an: %s')).toBe(`Pegasus agent: Merge ${branchOf('t')}\n`);
  });

  it('is blocked by a folder that leads elsewhere, and by a workspace that is on no branch', async () => {
    await made('t', { 'out/x': 'theirs\n' });
    const outside = await mkdtemp(join(tmpdir(), 'pegasus-outside-'));
    await symlink(outside, join(root, 'out'));
    expect(await mergeTree(root, 't', { approve: true })).toMatchObject({
      status: 'blocked',
      files: ['out/x'],
    });
    expect(await readdir(outside)).toEqual([]);
    await rm(join(root, 'out'));
    await rm(outside, { recursive: true });
    git('checkout', '--quiet', '--detach');
    expect(await mergeTree(root, 't', { approve: true })).toMatchObject({ status: 'blocked', files: [] });
  });

  it('brings links, programs, files in the place of folders, and removals', async () => {
    await mkdir(join(root, 'folder'));
    await writeFile(join(root, 'folder/a'), 'a');
    git('add', '--all');
    git('commit', '--quiet', '-m', 'a folder');
    const tree = await Worktree.open(root, { taskId: 't' });
    await rm(join(tree.path, 'folder'), { recursive: true });
    await writeFile(join(tree.path, 'folder'), 'a file now');
    await rm(join(tree.path, 'file-1'));
    await mkdir(join(tree.path, 'file-1'));
    await writeFile(join(tree.path, 'file-1/inner'), 'inner');
    await symlink('file-2', join(tree.path, 'link'));
    await writeFile(join(tree.path, 'run'), '#!/bin/sh\n');
    await chmod(join(tree.path, 'run'), 0o755);
    await tree.finish();
    expect((await mergeTree(root, 't', { approve: true })).status).toBe('merged');
    expect([await text('folder'), await text('file-1/inner'), await text('link')]).toEqual([
      'a file now',
      'inner',
      'file 2\n',
    ]);
    await expectNothingLeft();
  });
});

describe('nothing of the repository is run', () => {
  it('no hook, filter or driver of merges', async () => {
    const ran = join(root, '.git/ran');
    const program = join(root, '.git/program');
    await writeFile(program, `#!/bin/sh\ntouch ${ran}\ncat\n`);
    await chmod(program, 0o755);
    for (const hook of [
      'post-checkout',
      'pre-commit',
      'post-merge',
      'reference-transaction',
      'post-index-change',
    ]) {
      await writeFile(join(root, `.git/hooks/${hook}`), `#!/bin/sh\ntouch ${ran}\n`);
      await chmod(join(root, `.git/hooks/${hook}`), 0o755);
    }
    for (const setting of [
      'filter.x.clean',
      'filter.x.smudge',
      'merge.x.driver',
      'core.fsmonitor',
      'diff.external',
      'diff.x.textconv',
    ])
      git('config', setting, program);
    git('config', 'filter.x.required', 'true');
    await writeFile(join(root, '.git/info/attributes'), '* filter=x merge=x diff=x\n');
    await made('one', { shared: 'one of one\n' });
    await made('two', { shared: 'one of two\n' });
    await reviewTree(root, 'one');
    expect((await mergeTree(root, 'one', { approve: true })).status).toBe('merged');
    expect((await mergeTree(root, 'two', { approve: true })).status).toBe('conflict');
    await expect(access(ran)).rejects.toThrow('ENOENT');
  });
});

describe('a dispatch', () => {
  it('that has changed nothing leaves nothing, and says what it has not seen', async () => {
    await writeFile(join(root, 'file-1'), 'mine\n');
    const { result, tier } = await withLog((log) =>
      verify('t', log, [{ name: 'read', arguments: { path: 'file-1' } }]),
    );
    expect(result.summary).toMatch(/Nothing was changed\.\n\nIt began without 1 files/);
    expect([tier.tree?.commit, branches(), trees()]).toEqual([undefined, [], 0]);
  });

  it('is merged by itself where that was asked for', async () => {
    const { result, tier } = await withLog((log) =>
      verify('t', log, [write('x', 'x')], { tier: { merge: 'auto' } }),
    );
    expect([tier.merge?.status, await text('x')]).toEqual(['merged', 'x']);
    expect(result.summary).toContain('The changes are merged as');
    await expectNothingLeft();
  });

  it('that fails is left for a review as well', async () => {
    const engine = new ScriptedEngine([{ calls: [write('x', 'x')] }, { fails: 'gone' }]);
    const { result } = await withLog((log) => verify('t', log, [], { engine, tier: { merge: 'auto' } }));
    expect([result.status, result.filesChanged, branches()]).toEqual(['failed', ['x'], [branchOf('t')]]);
  });

  it('writers of one workspace in one process take turns under their leases', async () => {
    const waits: string[] = [];
    const results = await withLog((log) =>
      Promise.all(
        ['a', 'b', 'c'].map((id) =>
          dispatchInProcess({
            task: { id, role: 'coder', prompt: 'Go.', permissionMode: 'acceptEdits' },
            folder: root,
            engine: new ScriptedEngine([{ calls: edit('shared', 'two', `two ${id}`) }, { text: 'done' }]),
            prices,
            log,
            tier: { onWait: ({ holder }) => waits.push(holder) },
          }),
        ),
      ),
    );
    expect(results.map(({ result }) => result.status)).toEqual(['shipped', 'shipped', 'shipped']);
    expect(waits.length).toBeGreaterThanOrEqual(2);
    expect((await text('shared')).split(/[ \n]/).sort()).toEqual(['', 'a', 'b', 'c', 'one', 'three', 'two']);
  });
});

describe('where there can be no tree', () => {
  it.each<[string, () => Promise<unknown> | unknown, RegExp]>([
    [
      'a folder without a repository',
      () => rm(join(root, '.git'), { recursive: true }),
      /is no git repository/,
    ],
    ['no commit', () => git('checkout', '--quiet', '--orphan', 'empty'), /without a commit/],
    ['a bare one', () => git('config', 'core.bare', 'true'), /bare repository/],
    [
      'files of .pugi in it',
      () => {
        execFileSync('sh', ['-c', 'mkdir -p .pugi; echo x > .pugi/x'], { cwd: root });
        git('add', '--force', '.pugi/x');
      },
      /files of \.pugi/,
    ],
  ])('%s: an error, and nothing is left', async (_, change, message) => {
    await change();
    await expect(Worktree.open(root, { taskId: 't' })).rejects.toMatchObject({
      code: 'VALIDATION_ERROR',
      message: expect.stringMatching(message),
    });
    expect(await readdir(join(root, '.pugi/worktrees')).catch(() => [])).toEqual([]);
  });

  it('a base that is none, a task that has one, a git that fails', async () => {
    await expect(Worktree.open(root, { taskId: 't', base: '--all' })).rejects.toThrow(
      /^base: "--all" is no commit/,
    );
    const tree = await Worktree.open(root, { taskId: 't' });
    await expect(Worktree.open(root, { taskId: 't' })).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(discardTree(root, 't')).rejects.toMatchObject({ code: 'CONFLICT' });
    await tree.discard();
    await rm(join(root, '.git/objects'), { recursive: true });
    await mkdir(join(root, '.git/objects'));
    await expect(Worktree.open(root, { taskId: 't' })).rejects.toThrow();
    expect(await readdir(join(root, '.pugi/worktrees'))).toEqual([]);
  });
});
