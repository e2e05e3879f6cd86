import { execFile } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { verifyLog } from '@pegasus-workflows/agents';
import { type Dispatch, type DispatchRequest } from '@pegasus-workflows/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Machine } from '../fault/support/machine.js';
import { eventually } from '../support/wait.js';
import { RemoteHost } from './support/remote-host.js';
import {
  agentsHome,
  counted,
  counting,
  filesIn,
  usageOf,
  type AgentsHome,
} from './support/scripted-dispatch.js';

/** Dispatches that another host works on, with a copy of the workspace. */
const run = promisify(execFile);
const MINUTES = 60_000;
const TURNS = 25;
const usage = { in: 50, out: 5 };
const script = counting(TURNS);
const SCRIPTS = {
  counting: script,
  editing: [
    { calls: [{ name: 'read', arguments: { path: 'src/a.txt' } }], usage },
    {
      calls: [
        { name: 'edit', arguments: { path: 'src/a.txt', old_string: 'mine', new_string: 'theirs' } },
        { name: 'bash', arguments: { command: 'git log --oneline | wc -l > commits.txt' } },
      ],
      usage,
    },
    { text: 'Edited.', usage },
  ],
  writing: [
    { calls: [{ name: 'write', arguments: { path: 'new.txt', content: 'from elsewhere\n' } }], usage },
    { text: 'Written.', usage },
  ],
  looking: [
    { calls: [{ name: 'read', arguments: { path: 'src/a.txt' } }], usage },
    { text: 'Looked.', usage },
  ],
};

let home: AgentsHome;
let away: AgentsHome;
let machine: Machine;
let host: RemoteHost;

beforeAll(async () => {
  home = await agentsHome(['shop', 'merging', 'counting', 'plain'], { looking: SCRIPTS.looking });
  for (const name of ['shop', 'merging', 'counting']) await commitIn(home.workspace(name));
  away = await agentsHome([], SCRIPTS, { copies: { dispatches: 2 } });
  machine = await Machine.start({
    PEGASUS_AGENTS_FILE: home.file,
    PEGASUS_AGENTS_HEARTBEAT_MS: '1500',
    PEGASUS_RECONCILE_INTERVAL_MS: '1000',
  });
  host = new RemoteHost(machine, away.file);
}, 3 * MINUTES);
afterAll(async () => {
  await host?.stop();
  await machine?.stop();
  await home?.remove();
  await away?.remove();
});

const git = async (folder: string, ...args: string[]): Promise<string> =>
  (await run('git', ['-C', folder, ...args])).stdout.trim();

async function commitIn(folder: string): Promise<void> {
  await mkdir(join(folder, 'src'));
  await writeFile(join(folder, 'src', 'a.txt'), 'a\n');
  await writeFile(join(folder, '.gitignore'), '.pugi\n');
  await git(folder, 'init', '--quiet', '--initial-branch', 'main');
  await git(folder, 'add', '--all');
  await git(
    folder,
    '-c',
    'user.name=A',
    '-c',
    'user.email=a@example.com',
    'commit',
    '--quiet',
    '-m',
    'first',
  );
}

function dispatch(
  model: keyof typeof SCRIPTS,
  over: Partial<DispatchRequest> = {},
  task: Partial<DispatchRequest['task']> = {},
): Promise<Dispatch> {
  return machine.client.agents.dispatch({
    workspace: 'shop',
    model,
    isolation: 'remote_vm',
    task: { role: 'coder', prompt: 'Do it.', permissionMode: 'auto', ...task },
    ...over,
  });
}

const ended = (id: string): Promise<Dispatch> => machine.client.agents.wait(id, { timeoutMs: 3 * MINUTES });
const copies = (kind: 'open' | 'ended' | 'kept'): Promise<string[]> =>
  readdir(join(away.workspace('copies'), kind));
const branches = (name: string): Promise<string> =>
  git(home.workspace(name), 'branch', '--list', 'pugi/*', '--format=%(refname:short)');

it('is refused while no host takes dispatches from others', async () => {
  await expect(dispatch('writing')).rejects.toMatchObject({
    code: 'VALIDATION_ERROR',
    message: expect.stringContaining('[[remotes]]'),
  });
});

describe('with a host that takes them', () => {
  beforeAll(async () => {
    await host.start();
  });

  it('works on a copy with what was not committed; what is done comes back as a branch', async () => {
    const folder = home.workspace('shop');
    await writeFile(join(folder, 'src', 'a.txt'), 'mine\n');
    const before = await filesIn(folder);
    const { id } = await dispatch('editing');

    const { result, isolation } = await ended(id);
    expect(isolation).toBe('remote_vm');
    expect(result).toMatchObject({ status: 'shipped', filesChanged: ['commits.txt', 'src/a.txt'] });
    const branch = await branches('shop');
    expect(result!.summary).toContain(branch);
    expect(await git(folder, 'show', `${branch}:src/a.txt`)).toBe('theirs');
    expect(await git(folder, 'show', `${branch}:commits.txt`)).toBe('2');
    const after = await filesIn(folder);
    expect(after['src/a.txt']).toBe('mine\n');
    expect(Object.keys(after).filter((path) => !path.startsWith('.git/'))).toEqual(
      Object.keys(before).filter((path) => !path.startsWith('.git/')),
    );

    const [first] = await machine.client.agents.events(id);
    expect(first!.event).toMatchObject({ type: 'subagent.spawned', isolation: 'remote_vm' });
    await eventually(async () => expect(await copies('open')).toEqual([]));
    expect(await copies('ended')).toContain(id);
    await verifyLog(join(away.workspace('copies'), 'ended', id));
  });

  it('is merged at once where that was asked for', async () => {
    const { id } = await dispatch('writing', { workspace: 'merging', merge: 'auto' });
    const { result } = await ended(id);
    expect(result).toMatchObject({ status: 'shipped', filesChanged: ['new.txt'] });
    expect(result!.summary).toContain('merged');
    expect((await filesIn(home.workspace('merging')))['new.txt']).toBe('from elsewhere\n');
    expect(await branches('merging')).toBe('');
  });

  it('a role that only reads only reads there as well, and leaves no branch', async () => {
    const looked = await dispatch('looking', { workspace: 'merging' }, { role: 'reviewer' });
    expect((await ended(looked.id)).result).toMatchObject({ status: 'shipped', filesChanged: [] });
    const wrote = await dispatch('writing', { workspace: 'merging' }, { role: 'reviewer' });
    expect((await ended(wrote.id)).result).toMatchObject({ status: 'blocked', filesChanged: [] });
    expect(await branches('merging')).toBe('');
  });

  it('a workspace without a repository cannot be handed over', async () => {
    const { id } = await dispatch('writing', { workspace: 'plain' });
    const { result } = await ended(id);
    expect(result).toMatchObject({
      status: 'failed',
      summary: expect.stringContaining('no git repository'),
    });
  });

  it('takes no more than it may; one that is cancelled there leaves room for the next', async () => {
    const asking = [];
    for (let n = 0; n < 2; n += 1) asking.push(await dispatch('writing', {}, { permissionMode: 'ask' }));
    for (const { id } of asking)
      await eventually(async () => expect((await machine.client.agents.get(id)).state).toBe('WAITING'), {
        timeoutMs: MINUTES,
      });
    const third = await dispatch('looking');
    await eventually(async () => {
      const handle = (await machine.temporal()).workflow.getHandle(
        `agent/${machine.access.tenantId}/${third.id}`,
      );
      const { pendingActivities = [] } = (await handle.describe()).raw;
      expect(pendingActivities?.[0]?.lastFailure?.message).toContain('as many as it may');
    });
    expect((await machine.client.agents.get(third.id)).state).toBe('QUEUED');
    const [cancelled, answered] = asking;
    await machine.client.agents.cancel(cancelled!.id);
    expect((await ended(cancelled!.id)).result?.status).toBe('cancelled');
    expect((await ended(third.id)).result?.status).toBe('shipped');
    const { question } = await machine.client.agents.get(answered!.id);
    await machine.client.agents.answer(answered!.id, { questionId: question!.id, answer: 'approved' });
    expect((await ended(answered!.id)).result?.status).toBe('shipped');
  });
});

it(
  'is killed on both hosts at every point of the way, and comes back once',
  { timeout: 6 * MINUTES },
  async () => {
    // Known to the server from now on, and away when the dispatch is to be taken.
    await host.stop();
    await host.start();
    await host.stop();
    await machine.arm(
      'agents',
      'agents.origin.packed=kill',
      'agents.origin.handed=kill',
      'agents.origin.brought=kill',
    );
    const { id } = await dispatch('counting', { workspace: 'counting', merge: 'auto' });
    const lives = [
      'agents.remote.unpacked=kill',
      'agents.remote.taken=kill',
      'agents.turn.answered=kill@3',
      'agents.call.made=kill@4',
      'agents.write.replaced=kill@2',
      'agents.remote.packed=kill',
      'agents.close.recorded=kill',
      'agents.remote.ended=kill',
      'agents.remote.filed=kill',
    ];
    for (const failpoint of lives) {
      await host.start(failpoint);
      await host.died();
    }
    await host.start();

    const { result } = await ended(id);
    expect(result).toMatchObject({ status: 'shipped', ...usageOf(script) });
    expect(result!.filesChanged).toEqual(Object.keys(counted(TURNS)).sort());
    const files = await filesIn(home.workspace('counting'));
    expect(files).toMatchObject(counted(TURNS));
    expect(await branches('counting')).toBe('');
    const types = (await machine.client.agents.events(id)).map(({ event }) => event.type);
    expect(types.filter((type) => type !== 'subagent.tool_call')).toEqual([
      'subagent.spawned',
      'subagent.completed',
    ]);
    await eventually(async () => expect(await copies('open')).toEqual([]));
    expect(await copies('kept')).toEqual([]);
  },
);
