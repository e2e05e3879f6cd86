import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packWorkspace } from '@pegasus-workflows/agents';
import { Copies, type BundleStore } from '@pegasus-workflows/agents/durable';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { eventually } from '../support/wait.js';

/** Copies of workspaces, as a host keeps them over its crashes; what works in them is in `remote-vm.test.ts`. */
const run = promisify(execFile);
const DAYS_MS = 24 * 3_600_000;
const never = new AbortController().signal;

let home: string;
let handed: { base: string; work: string; bundle: { bytes: number; parts: string[] } };
let copies: Copies;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'pegasus-copies-'));
  const origin = join(home, 'origin');
  await mkdir(origin);
  await writeFile(join(origin, 'a.txt'), 'a\n');
  const git = (...args: string[]) => run('git', ['-C', origin, ...args]);
  await git('init', '--quiet', '--initial-branch', 'main');
  await git('add', '--all');
  await git('-c', 'user.name=A', '-c', 'user.email=a@example.com', 'commit', '--quiet', '-m', 'first');
  const file = join(home, 'bundle');
  const { base, work, bytes } = await packWorkspace(origin, file);
  handed = { base, work, bundle: { bytes, parts: [file] } };
  copies = await open();
});
afterEach(async () => {
  await copies.close();
  await rm(home, { recursive: true, force: true });
});

const store: BundleStore = {
  put: async (file) => {
    const kept = join(home, randomUUID());
    await copyFile(file, kept);
    return { bytes: (await stat(kept)).size, parts: [kept] };
  },
  get: async ({ parts }, file) => copyFile(parts[0]!, file),
};
const open = (most = 2): Promise<Copies> =>
  Copies.open({
    ...{ folder: join(home, 'copies'), bundles: store, most },
    report: () => Promise.resolve('taken'),
    onRefused: () => undefined,
    onFailed: (error) => {
      throw error;
    },
  });
const reopen = async (): Promise<void> => {
  await copies.close();
  copies = await open();
};
const names = (kind: 'open' | 'ended' | 'kept'): Promise<string[]> => readdir(join(home, 'copies', kind));
const at = (id: string, ...path: string[]): string => join(home, 'copies', 'open', id, ...path);
const where = (dispatchId: string = randomUUID()) =>
  ({
    dispatchId,
    taskId: dispatchId,
    tenantId: randomUUID(),
    workspace: 'shop',
    isolation: 'prompt_only',
  }) as const;

async function record(of: { dispatchId: string }, n: number, state: 'RUNNING' | 'ENDED'): Promise<void> {
  const { recorder } = await copies.workspaceOf({ ...where(), ...of });
  const body = { kind: 'status', state, question: null, result: null, tokensIn: 0, tokensOut: 0 } as const;
  await recorder.write(of.dispatchId, [{ n, body }]);
}

it('a copy is taken once, stays over a restart, and is filed when it has ended', async () => {
  const one = where();
  await copies.take(one, handed, never);
  await copies.take(one, handed, never);
  await record(one, 1, 'RUNNING');
  expect(await readFile(at(one.dispatchId, 'a.txt'), 'utf8')).toBe('a\n');
  const { id } = copies;
  await reopen();
  expect(copies.id).toBe(id);
  expect(await names('open')).toEqual([one.dispatchId]);
  copies.putAway(one);
  await record(one, 2, 'ENDED');
  copies.putAway(one);
  await eventually(async () => expect(await names('open')).toEqual([]));
  expect(await readdir(join(home, 'copies', 'ended', one.dispatchId))).toContain('events.jsonl');
  expect(await copies.isOver(one)).toBe(true);
  await expect(copies.workspaceOf(one)).rejects.toThrow('not on this host');
});

it('what a crash left of putting it away is finished at the next start', async () => {
  const one = where();
  await copies.take(one, handed, never);
  await record(one, 1, 'ENDED');
  await mkdir(join(home, 'copies', 'ended', one.dispatchId));
  await mkdir(join(home, 'copies', 'open', '.half'));
  await reopen();
  expect(await names('open')).toEqual([]);
  expect(await readdir(join(home, 'copies', 'ended', one.dispatchId))).toContain('events.jsonl');
});

it('one that is to be kept is kept whole', async () => {
  const one = where();
  await copies.take(one, handed, never);
  await copies.keep(one);
  await record(one, 1, 'ENDED');
  copies.putAway(one);
  await eventually(async () => expect(await names('kept')).toEqual([one.dispatchId]));
  expect(await readdir(join(home, 'copies', 'kept', one.dispatchId))).toEqual(
    expect.arrayContaining(['.git', '.pugi', 'a.txt']),
  );
});

it('takes no more than it may, but makes room of what nobody has begun, or asked of for long', async () => {
  const [idle, silent, third] = [where(), where(), where()];
  await copies.take(idle, handed, never);
  await copies.take(silent, handed, never);
  await record(silent, 1, 'RUNNING');
  await expect(copies.take(third, handed, never)).rejects.toMatchObject({
    type: 'NOT_NOW',
    nonRetryable: false,
  });
  const age = async (id: string, days: number): Promise<void> => {
    const then = new Date(Date.now() - days * DAYS_MS);
    await utimes(at(id, '.pugi', 'events.jsonl'), then, then);
  };
  await age(idle.dispatchId, 8);
  await age(silent.dispatchId, 8);
  await copies.take(third, handed, never);
  expect((await names('open')).sort()).toEqual([silent.dispatchId, third.dispatchId].sort());
  await age(silent.dispatchId, 31);
  await copies.take(where(), handed, never);
  expect(await names('kept')).toEqual([silent.dispatchId]);
});

it('one that somebody else has taken meanwhile is not left behind', async () => {
  const late = new AbortController();
  const one = where();
  const taking = copies.take(one, handed, late.signal);
  late.abort(new Error('it was given to another host'));
  await expect(taking).rejects.toThrow('another host');
  expect(await names('open')).toEqual([]);
});

it('gives back what was done, and nothing where nothing was', async () => {
  const one = where();
  await copies.take(one, handed, never);
  expect(await copies.give(one, handed)).toEqual({});
  await writeFile(at(one.dispatchId, 'a.txt'), 'b\n');
  const given = await copies.give(one, handed);
  expect(given).toMatchObject({
    commit: expect.stringMatching(/^[0-9a-f]{40}$/),
    bundle: { bytes: expect.any(Number) },
  });
});

it('a folder has one process, and a name that can be read', async () => {
  await expect(open()).rejects.toMatchObject({ code: 'CONFLICT' });
  await copies.close();
  await writeFile(join(home, 'copies', 'host-id'), 'mine');
  await expect(open()).rejects.toThrow(/holds no id/);
  await writeFile(join(home, 'copies', 'host-id'), randomUUID());
  copies = await open();
});
