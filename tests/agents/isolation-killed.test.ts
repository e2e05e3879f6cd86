import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdtemp, readdir, readFile, realpath, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mergeTree } from '../../packages/agents/src/isolation/merge.js';
import { sweepTrees } from '../../packages/agents/src/isolation/sweep.js';
import { branchOf } from '../../packages/agents/src/isolation/tree-state.js';

/** Dispatches in work trees, and their merges, killed at every step: `worktrees.ts` 2, `merge.ts` 3, `sweep.ts`. */
const DISPATCHER = fileURLToPath(new URL('./support/isolation-dispatcher.mjs', import.meta.url));
/** At once: a few where each step is tried, many where any moment is. */
const FEW = 2;
const MANY = 10;

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

/** No tree, branch, registration or state is left, and the workspace is as its branch says. */
async function expectNothingLeft(): Promise<void> {
  expect(branches()).toEqual([]);
  expect(trees()).toBe(0);
  const folder = join(root, '.pugi/worktrees');
  const left = () => readdir(folder).catch((): string[] => []);
  // A state that was being written is somebody's for a minute, as far as a sweep can tell.
  for (const name of await left()) {
    expect(name).toMatch(/^\.task-/);
    await utimes(join(folder, name), 0, 0);
  }
  await sweepTrees(root);
  expect(await left()).toEqual([]);
  expect(git('status', '--porcelain', '--', '.', ':!.pugi')).toBe('');
  git('fsck', '--strict', '--no-dangling');
}

describe('a process that was killed', () => {
  /** Runs dispatches and their merges until it is killed. Answers what it told. */
  async function killed(tasks: number, failpoints: string, afterMs = Infinity): Promise<string[]> {
    const child = spawn(process.execPath, [DISPATCHER, root, String(tasks)], {
      env: { ...process.env, PEGASUS_FAILPOINTS: failpoints },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let told = '';
    child.stdout.on('data', (data: Buffer) => (told += data.toString()));
    const timer = afterMs === Infinity ? undefined : setTimeout(() => child.kill('SIGKILL'), afterMs);
    const [, signal] = (await once(child, 'close')) as [number | null, string | null];
    clearTimeout(timer);
    if (afterMs === Infinity) expect(signal).toBe('SIGKILL');
    return told.split('\n');
  }

  /** Each task is waiting, merged as a whole, or gone as a whole. */
  async function expectSwept(tasks: number, told: readonly string[]): Promise<void> {
    const { waiting, active, elsewhere } = await sweepTrees(root);
    expect([active, elsewhere]).toEqual([[], []]);
    expect(git('status', '--porcelain', '--', '.', ':!.pugi')).toBe('');
    expect(branches()).toEqual(waiting.map(branchOf).sort());
    expect(trees()).toBe(waiting.length);
    for (let n = 0; n < tasks; n++) {
      const isIn = (await text(`file-${n}`)) === `changed by ${n}\n`;
      expect(
        await access(join(root, `new/${n}`)).then(
          () => true,
          () => false,
        ),
      ).toBe(isIn);
      if (isIn) expect(waiting).not.toContain(`task ${n}`);
      if (told.includes(`merged ${n}`)) expect(isIn).toBe(true);
      // What was told to be done is not lost.
      if (told.includes(`shipped ${n}`)) expect(isIn || waiting.includes(`task ${n}`)).toBe(true);
    }
    const [first] = waiting;
    if (first) expect((await mergeTree(root, first, { approve: true })).status).toBe('merged');
    await sweepTrees(root, { removeFinished: true });
    await expectNothingLeft();
  }

  it.each([
    ...['noted', 'branched', 'added', 'filled', 'working', 'written', 'committed', 'finished'].map(
      (at) => `tree.${at}`,
    ),
    ...['tree.emptied', 'tree.unbranched', 'tree.added=kill@2', 'tree.finished=kill@2'],
    ...['noted', 'branch', 'file', 'file=kill@2', 'files', 'index', 'merged', 'file=kill@4'].map(
      (at) => `merge.${at}`,
    ),
  ])('at %s leaves nothing that a sweep does not mend', async (point) => {
    const failpoints = `agents.${point}${point.includes('=') ? '' : '=kill'}`;
    await expectSwept(FEW, await killed(FEW, failpoints));
  });

  it('at any moment of ten dispatches and their merges', async () => {
    for (let round = 0; round < 3; round++) {
      const told = await killed(MANY, '', 400 + Math.random() * 4_000);
      await expectSwept(MANY, told);
      git('reset', '--quiet', '--hard', git('rev-list', '--max-parents=0', 'HEAD').trim());
    }
  });
});
