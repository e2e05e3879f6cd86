import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  acpEngine,
  dispatchInProcess,
  EventLog,
  type AcpAgent,
  type Engine,
  type InProcessDispatch,
  type InProcessResult,
} from '@pegasus-workflows/agents';
import { type SubagentTask } from '@pegasus-workflows/contracts/agents';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { processesNaming } from '../support/processes.js';
import { eventually } from '../support/wait.js';
import { ACP_FOLDERS, ACP_WORKER } from './support/acp-model.js';
import { git, realShell, type OpenedShell } from './support/bash-cell.js';

/** Agents of the Agent Client Protocol in dispatches, in the real sandbox; `acp-engine.ts`, its invariants by number. */
const prices = { models: { worker: { inputPerMillion: 1, outputPerMillion: 10 } }, allowUnknown: false };

let shell: OpenedShell;
let server: Server;
let origin: string;
let root: string;
let log: EventLog;
beforeAll(async () => {
  server = createServer((_request, response) => response.end('the model')).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  shell = await realShell('127.0.0.1');
});
afterAll(async () => {
  server.close();
  await shell.close();
});
beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'pegasus-acp-dispatch-')));
  await mkdir(join(root, 'src'));
  await mkdir(join(root, 'keys'));
  await writeFile(join(root, 'src/a.txt'), 'one\ntwo\nthree\n');
  await writeFile(join(root, 'keys/k.pem'), 'secret');
  log = await EventLog.open(join(root, '.pugi'));
});
afterEach(async () => {
  await log.close();
  // Invariant 3.
  expect(await processesNaming(root)).toEqual([]);
  await rm(root, { recursive: true, force: true });
});

type Step = Record<string, unknown>;

/** An agent that takes these steps. Its last argument is how its processes are found. */
const worker = (steps: readonly Step[], more: Partial<AcpAgent> = {}): Engine =>
  acpEngine({
    model: 'worker',
    command: process.execPath,
    args: [ACP_WORKER, JSON.stringify(steps), root],
    folders: ACP_FOLDERS,
    programs: shell,
    graceMs: 3_000,
    ...more,
  });

const dispatch = (
  engine: Engine,
  task: Partial<SubagentTask> = {},
  more: Partial<InProcessDispatch> = {},
): Promise<InProcessResult> =>
  dispatchInProcess({
    task: { id: 'task-1', role: 'coder', prompt: 'Do it.', permissionMode: 'auto', ...task },
    folder: root,
    engine,
    prices,
    log,
    ports: { shell },
    ...more,
  });

/** What the agent said has come of its steps. */
const cameOf = ({ result }: InProcessResult): unknown[] => {
  expect(result).toMatchObject({ status: 'shipped' });
  return JSON.parse(result.summary) as unknown[];
};
const content = (path: string): Promise<string> => readFile(join(root, path), 'utf8');

describe('what it asks for is a call of ours', () => {
  it('reads, writes and runs, each judged and told of', async () => {
    const done = await dispatch(
      worker([
        { offered: true },
        { read: 'src/a.txt' },
        { line: ['src/a.txt', 2, 1] },
        { write: ['src/a.txt', 'ONE\n'] },
        { write: ['new/b.txt', 'b\n'] },
        { run: { command: 'cat src/a.txt && exit 3' } },
        { run: { command: 'wc', args: ['-l', 'a.txt'], cwd: 'src' } },
        // A variable is asked for: programs may look at it.
        { run: { command: 'echo "$WHO"', env: [{ name: 'WHO', value: "it's me" }] } },
      ]),
      {},
      { ask: () => Promise.resolve('approved') },
    );
    const [offered, all, second, ...others] = cameOf(done);
    expect(offered).toMatchObject({ fs: { readTextFile: true, writeTextFile: true }, terminal: true });
    expect([all, second]).toEqual(['one\ntwo\nthree\n', 'two']);
    expect(others).toEqual([
      'written',
      'written',
      { exitCode: 3, output: expect.stringMatching(/^ONE\nExit code 3\./), truncated: false },
      { exitCode: 0, output: expect.stringMatching(/^1 a\.txt\n/), truncated: false },
      { exitCode: 0, output: expect.stringMatching(/^it's me\n/), truncated: false },
    ]);
    expect(await content('new/b.txt')).toBe('b\n');
    const { filesChanged, permissionDecisions, tokensIn, tokensOut } = done.result;
    expect(filesChanged).toEqual(['new/b.txt', 'src/a.txt']);
    expect(permissionDecisions!.map(({ toolName }) => toolName)).toEqual([
      ...['read', 'read', 'write', 'read', 'write', 'bash', 'bash', 'bash'],
    ]);
    // What the agent has counted itself, which is more than what was seen of it.
    expect([tokensIn, tokensOut]).toEqual([80_000, 10_000]);
  });

  it('what it asks for at once is done in one turn, and a long output is cut where it wants it', async () => {
    const done = await dispatch(
      worker([
        {
          together: [
            ['x.txt', 'x'],
            ['y.txt', 'y'],
          ],
        },
        { run: { command: 'printf äöü', limit: 3 } },
      ]),
    );
    const [both, cut] = cameOf(done);
    expect(both).toEqual(['written', 'written']);
    expect(cut).toMatchObject({ exitCode: 0, truncated: true });
    expect([await content('x.txt'), await content('y.txt')]).toEqual(['x', 'y']);
  });

  it('does not write over what has changed since it was given it to read', async () => {
    const engine = worker([
      { read: 'src/a.txt' },
      { run: { command: 'echo other > src/a.txt' } },
      { write: ['src/a.txt', 'lost\n'] },
    ]);
    const { result } = await dispatch(engine);
    expect(await content('src/a.txt')).toBe('other\n');
    expect(result).toMatchObject({ status: 'failed', summary: expect.stringContaining('src/a.txt') });
  });

  it('asks a person where a model would have to, and waits for the answer', async () => {
    const asked: string[] = [];
    const done = await dispatch(
      worker([{ write: ['b.txt', 'b'] }]),
      { permissionMode: 'ask' },
      {
        ask: ({ name }) => {
          asked.push(name);
          return Promise.resolve('approved');
        },
      },
    );
    expect(cameOf(done)).toEqual(['written']);
    expect(asked).toEqual(['write']);
  });

  it.each([
    ['plan', { permissionMode: 'plan' }, 'plan_mode_refused'],
    ['a denied path', { deniedPaths: ['src'] }, 'path:denied'],
    ['a way out', {}, 'path:outside'],
    ['a reading role', { role: 'reviewer' }, 'tier:shared_fs_readonly'],
  ] satisfies [string, Partial<SubagentTask>, string][])(
    'ends, blocked, at what is denied: %s',
    async (name, task, rule) => {
      const path = name === 'a way out' ? '../escaped.txt' : 'src/b.txt';
      const events: unknown[] = [];
      const { result } = await dispatch(worker([{ write: [path, 'b'] }]), task, {
        onEvent: (event) => events.push(event),
      });
      expect(result.status).toBe('blocked');
      expect(JSON.stringify([result, events])).toContain(rule);
      await expect(content(path)).rejects.toThrow('ENOENT');
    },
  );
});

it('works in a tree of its own, and its branch is left', async () => {
  git(root, 'init', '-q', '-b', 'main');
  git(root, 'add', 'src');
  git(root, 'commit', '-qm', 'begin');
  const steps = [
    { write: ['src/b.txt', 'b\n'] },
    { run: { command: 'cat src/a.txt src/b.txt' } },
    { own: 'x' },
  ];
  const { result, tier } = await dispatch(worker(steps), { role: 'verifier' });
  expect(result).toMatchObject({ status: 'shipped', filesChanged: ['src/b.txt'] });
  expect(result.summary).toMatch(/one\\ntwo.*EROFS/);
  expect(JSON.stringify(tier)).toContain('src/b.txt');
  await expect(content('src/b.txt')).rejects.toThrow('ENOENT');
});

describe('in its walls', () => {
  it('changes nothing by itself, sees nothing that is denied, and has its own environment (invariant 1)', async () => {
    process.env['PEGASUS_TEST_SECRET'] = 'made-up-123456789';
    const done = await dispatch(
      worker(
        [
          { own: 'src/a.txt' },
          { own: 'mine.txt' },
          { look: 'keys/k.pem' },
          { look: 'src/a.txt' },
          { look: '.pugi/events.jsonl' },
          { look: '../../etc/shadow' },
          { variable: 'PEGASUS_TEST_SECRET' },
          { variable: 'MODEL_KEY' },
          { permission: 'edit' },
        ],
        { env: { MODEL_KEY: 'given' } },
      ),
      { deniedPaths: ['keys'] },
    );
    delete process.env['PEGASUS_TEST_SECRET'];
    expect(cameOf(done)).toEqual([
      { refused: 'EROFS', message: expect.any(String) },
      { refused: 'EROFS', message: expect.any(String) },
      { refused: 'ENOENT', message: expect.any(String) },
      'one\ntwo\nthree\n',
      { refused: 'ENOENT', message: expect.any(String) },
      { refused: 'ENOENT', message: expect.any(String) },
      'unset',
      'given',
      'allow_once',
    ]);
    expect(done.result.filesChanged).toEqual([]);
  });

  it('is not started where there is more to hide than there can be walls', async () => {
    await Promise.all(Array.from({ length: 301 }, (_, n) => writeFile(join(root, `${n}.pem`), '')));
    const { result } = await dispatch(worker([]), { deniedPaths: ['*.pem'] });
    expect(result).toMatchObject({
      status: 'failed',
      summary: expect.stringContaining('more than 300 places'),
      tokensIn: 0,
    });
  });

  it('sees no file at all in a role that has none', async () => {
    const done = await dispatch(worker([{ look: 'src/a.txt' }]), { role: 'orchestrator' });
    expect(cameOf(done)).toEqual([{ refused: 'ENOENT', message: expect.any(String) }]);
  });

  it.each([
    ['its own', ['127.0.0.1'], 'the model'],
    ['others’', ['model.example'], { refused: expect.anything(), message: expect.any(String) }],
    ['none', [], { refused: expect.anything(), message: expect.any(String) }],
  ] as const)('connects to hosts: %s', async (_which, hosts, wanted) => {
    const steps = [{ run: { command: 'true' } }, { fetch: origin }];
    const done = await dispatch(worker(steps, { hosts: [...hosts] }));
    expect(cameOf(done)[1]).toEqual(wanted);
  });
});

describe('goes on', () => {
  it('in a new process where the old one is gone, with what was done, and does nothing twice (invariant 2)', async () => {
    const inner = worker([
      { write: ['count.txt', '1\n'] },
      { run: { command: 'echo 2 >> count.txt' } },
      { run: { command: 'echo 3 >> count.txt' } },
    ]);
    const prompts: number[] = [];
    const engine: Engine = {
      model: 'worker',
      conversations: inner.conversations!,
      turn: async (request, signal) => {
        prompts.push(request.messages.length);
        await inner.conversations!.endAll();
        return inner.turn(request, signal);
      },
    };
    const done = await dispatch(engine);
    expect(cameOf(done)).toEqual([]);
    expect(await content('count.txt')).toBe('1\n2\n3\n');
    expect(prompts.length).toBe(4);
  });

  it('after a process that nobody has asked for long was ended', async () => {
    const engine = worker([{ write: ['a', 'a'] }, { write: ['b', 'b'] }], { idleMs: 1 });
    const done = await dispatch(
      engine,
      { permissionMode: 'ask' },
      {
        ask: async () => {
          await eventually(async () => expect(await processesNaming(root)).toEqual([]));
          return 'approved';
        },
      },
    );
    expect(done.result.status).toBe('shipped');
    expect([await content('a'), await content('b')]).toEqual(['a', 'b']);
  });

  it.each([
    ['dies', [{ die: true }], 'The agent has ended (exit code 9) before it had answered'],
    ['is not there', 'no-such-program', 'has ended (exit code 127)'],
  ] as const)('not, where it %s: that is said', async (_how, what, said) => {
    const engine = typeof what === 'string' ? worker([], { command: what }) : worker(what);
    const { result } = await dispatch(engine);
    expect(result).toMatchObject({ status: 'failed', summary: expect.stringContaining(said) });
  });

  it('not, when it is cancelled, or its time is up', async () => {
    const stop = new AbortController();
    const waiting = dispatch(worker([{ wait: true }]), {}, { signal: stop.signal });
    await eventually(async () => expect(await processesNaming(root)).not.toEqual([]));
    stop.abort();
    expect((await waiting).result.status).toBe('cancelled');
    const late = await dispatch(worker([{ wait: true }]), { id: 'task-2', budget: { wallClockMs: 1_500 } });
    expect(late.result).toMatchObject({ status: 'blocked', summary: expect.stringContaining('time is up') });
  });
});
