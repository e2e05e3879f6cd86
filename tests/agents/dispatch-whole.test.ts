import { execFile } from 'node:child_process';
import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Dispatch, type DispatchRequest } from '@pegasus-workflows/contracts';
import { type WatchedDispatch } from 'pegasus-workflows-sdk/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Machine } from '../fault/support/machine.js';
import { eventually } from '../support/wait.js';
import { TestReceiver } from '../webhooks/receiver.js';
import { acpModel } from './support/acp-model.js';
import { agentsHome, filesIn, type AgentsHome } from './support/scripted-dispatch.js';

/** Dispatches on a whole platform: questions over restarts, children, worktrees, command lines. */
const run = promisify(execFile);
const MINUTES = 60_000;
const usage = { in: 50, out: 5 };
const SCRIPTS = {
  asking: [
    { calls: [{ name: 'write', arguments: { path: 'asked.txt', content: 'approved\n' } }], usage },
    { text: 'It is written.', usage },
  ],
  /** The child's and the parent's transcripts are one: the n-th question of each has the n-th answer. */
  parent: [
    {
      calls: [
        {
          name: 'dispatch_subagent',
          arguments: {
            role: 'architect',
            prompt: 'Look.',
            permissionMode: 'plan',
            budget: { tokens: 5_000 },
          },
        },
      ],
      usage,
    },
    { text: 'Looked.', usage },
  ],
  tree: [
    { calls: [{ name: 'write', arguments: { path: 'new.txt', content: 'from the tree\n' } }], usage },
    { text: 'Made.', usage },
  ],
  building: [
    {
      calls: [{ name: 'bash', arguments: { command: 'echo built > out.txt; git log --oneline | wc -l' } }],
      usage,
    },
    { text: 'Built.', usage, after: 'Exit code 0' },
  ],
};

let home: AgentsHome;
let machine: Machine;

beforeAll(async () => {
  home = await agentsHome(['shop', 'repository'], SCRIPTS);
  await commitIn(home.workspace('repository'));
  await appendFile(
    home.file,
    acpModel('acp', [
      { run: { command: 'echo begun >> agent.txt' } },
      { write: ['asked.md', 'approved'] },
      { look: 'agent.txt' },
    ]),
  );
  machine = await Machine.start({ PEGASUS_AGENTS_FILE: home.file, PEGASUS_AGENTS_HEARTBEAT_MS: '2000' });
}, 2 * MINUTES);
afterAll(async () => {
  await machine?.stop();
  await home?.remove();
});

async function commitIn(folder: string): Promise<void> {
  const git = (...args: string[]) => run('git', ['-C', folder, ...args]);
  await mkdir(join(folder, 'src'));
  await writeFile(join(folder, 'src', 'a.txt'), 'a\n');
  await git('init', '--quiet', '--initial-branch', 'main');
  await git('add', '--all');
  await git('-c', 'user.name=A', '-c', 'user.email=a@example.com', 'commit', '--quiet', '-m', 'first');
}

const dispatch = (
  model: keyof typeof SCRIPTS | 'acp',
  task: Partial<DispatchRequest['task']>,
  over = {},
): Promise<Dispatch> =>
  machine.client.agents.dispatch({
    workspace: 'shop',
    model,
    task: { role: 'coder', prompt: 'Do it.', permissionMode: 'ask', ...task },
    ...over,
  });
const ended = (id: string): Promise<Dispatch> => machine.client.agents.wait(id, { timeoutMs: MINUTES });
const question = (id: string) =>
  eventually(
    async () => {
      const { question: asked } = await machine.client.agents.get(id);
      expect(asked).not.toBeNull();
      return asked!;
    },
    { timeoutMs: MINUTES },
  );

it(
  'a question reaches who watches and a webhook, and is answered after a restart of everything',
  async () => {
    await using receiver = await TestReceiver.start();
    await machine.client.webhooks.create({
      url: receiver.url('/asked'),
      statuses: [],
      events: ['agent.question'],
    });
    const { id } = await dispatch('asking', {});
    const watched: WatchedDispatch[] = [];
    const watching = (async () => {
      for await (const one of machine.client.agents.watch(id)) {
        watched.push(one);
        if (one.type === 'dispatch' && one.dispatch.question) return one.dispatch.question;
      }
      throw new Error('it ended without a question');
    })();
    const asked = await watching;
    expect(asked).toMatchObject({ toolName: 'write', rule: 'mode:ask', why: 'It writes "asked.txt".' });
    await eventually(() => {
      const [message] = receiver.of('/asked');
      const { type, data } = JSON.parse(message!.text) as { type: string; data: Record<string, unknown> };
      expect({ type, questionId: data['questionId'] }).toEqual({
        type: 'agent.question',
        questionId: asked.id,
      });
      expect(message!.text).not.toContain('approved');
    });

    await machine.restart();
    expect(await filesIn(home.workspace('shop'))).toEqual({});
    await machine.client.agents.answer(id, { questionId: asked.id, answer: 'approved' });

    const { result } = await ended(id);
    expect(result).toMatchObject({
      status: 'shipped',
      filesChanged: ['asked.txt'],
      permissionDecisions: [{ decision: 'ask', rule: 'mode:ask', answer: 'approved' }],
    });
    expect(await filesIn(home.workspace('shop'))).toEqual({ 'asked.txt': 'approved\n' });
  },
  3 * MINUTES,
);

it('a question that is refused ends it as blocked, and nothing is written', async () => {
  const { id } = await dispatch('tree', {});
  await machine.client.agents.answer(id, { questionId: (await question(id)).id, answer: 'refused' });
  const { result } = await ended(id);
  expect(result).toMatchObject({ status: 'blocked', filesChanged: [] });
  expect(await filesIn(home.workspace('shop'))).not.toHaveProperty('new.txt');
});

it('is paused at a step, and cancelled from there', async () => {
  const { id } = await dispatch('asking', {});
  const asked = await question(id);
  await machine.client.agents.pause(id);
  await machine.client.agents.answer(id, { questionId: asked.id, answer: 'approved' });
  await eventually(async () => expect((await machine.client.agents.get(id)).state).toBe('PAUSED'));
  await machine.client.agents.cancel(id);
  expect((await ended(id)).result?.status).toBe('cancelled');
});

it('a child spends of its parent, under its parent’s rules, and all of it is one dispatch', async () => {
  const { id } = await dispatch('parent', { role: 'orchestrator', permissionMode: 'plan' });
  const { result } = await ended(id);
  // The child asked the same model: its first answer is a call that it has no tool for.
  expect(result).toMatchObject({ status: 'shipped', summary: 'Looked.' });
  const events = (await machine.client.agents.events(id)).map(({ event }) => [event.taskId, event.type]);
  expect(events[0]).toEqual([id, 'subagent.spawned']);
  expect(events).toContainEqual([`${id}.1`, 'subagent.spawned']);
  expect(events.at(-1)).toEqual([id, 'subagent.completed']);
});

it('works in a worktree, which is merged when it has shipped', async () => {
  const over = { workspace: 'repository', merge: 'auto' };
  const { id } = await dispatch('tree', { role: 'verifier', permissionMode: 'acceptEdits' }, over);
  const { result } = await ended(id);
  expect(result).toMatchObject({ status: 'shipped', filesChanged: ['new.txt'] });
  expect(result!.summary).toContain('merged');
  const { stdout } = await run('git', [
    '-C',
    home.workspace('repository'),
    'log',
    '-1',
    '--name-only',
    '--format=',
    '-m',
  ]);
  expect(stdout.trim()).toBe('new.txt');
  const trees = await run('git', ['-C', home.workspace('repository'), 'worktree', 'list']);
  expect(trees.stdout.trim().split('\n')).toHaveLength(1);
});

it('runs command lines in the sandbox', async () => {
  const over = { workspace: 'repository' };
  const { id } = await dispatch('building', { permissionMode: 'auto' }, over);
  const { result } = await ended(id);
  expect(result).toMatchObject({ status: 'shipped', summary: 'Built.', filesChanged: ['out.txt'] });
});

it(
  'an agent of the Agent Client Protocol asks a person, its host is killed meanwhile, and it goes on',
  async () => {
    const { id } = await dispatch('acp', { permissionMode: 'ask' });
    const first = await question(id);
    expect(first).toMatchObject({ toolName: 'bash', rule: 'mode:ask' });
    await machine.client.agents.answer(id, { questionId: first.id, answer: 'approved' });
    const second = await eventually(async () => {
      const asked = await question(id);
      expect(asked.toolName).toBe('write');
      return asked;
    });
    await machine.kill('agents');
    await machine.client.agents.answer(id, { questionId: second.id, answer: 'approved' });
    const { result } = await ended(id);
    expect(result).toMatchObject({ status: 'shipped', filesChanged: ['agent.txt', 'asked.md'] });
    // What it was told that it has done it has not done again.
    expect(JSON.parse(result!.summary)).toEqual(['begun\n']);
    expect(await filesIn(home.workspace('shop'))).toMatchObject({
      'agent.txt': 'begun\n',
      'asked.md': 'approved',
    });
  },
  2 * MINUTES,
);

it('a workspace without a repository has no worktrees', async () => {
  const { id } = await dispatch('tree', { role: 'verifier' });
  const { result } = await ended(id);
  expect(result).toMatchObject({ status: 'failed', summary: expect.stringContaining('no git repository') });
});
