import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { type ScriptedTurn } from '@pegasus-workflows/agents';
import { type Dispatch } from '@pegasus-workflows/contracts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Terminal } from '../cli/cli.js';
import { eventually } from '../support/wait.js';
import { acpModel } from './support/acp-model.js';

/** `agents run --local`: a dispatch for a developer who has no platform. */
const git = promisify(execFile);
const usage = { in: 50, out: 5 };
const SCRIPTS: Record<string, ScriptedTurn[]> = {
  writing: [
    { calls: [{ name: 'write', arguments: { path: 'new.txt', content: 'here\n' } }], usage },
    { text: 'Written.', usage },
  ],
  running: [
    { calls: [{ name: 'bash', arguments: { command: 'cat src/a.txt > copy.txt' } }], usage },
    { text: 'Run.', usage },
  ],
  staying: [
    { calls: [{ name: 'write', arguments: { path: 'half.txt', content: 'half\n' } }], usage },
    { calls: [{ name: 'bash', arguments: { command: 'sleep 60' } }], usage },
    { text: 'Slept.', usage },
  ],
};

let terminal: Terminal;
beforeAll(async () => {
  terminal = await Terminal.open();
  for (const folder of ['shop/src', 'plain'])
    await mkdir(path.join(terminal.root, folder), { recursive: true });
  await writeFile(at('shop/src/a.txt'), 'a\n');
  await writeFile(at('shop/.gitignore'), '.pugi\nagents.toml\n*.json\n');
  await git('git', ['-C', at('shop'), 'init', '--quiet', '--initial-branch', 'main']);
  await git('git', ['-C', at('shop'), 'add', '--all']);
  const author = ['-c', 'user.name=A', '-c', 'user.email=a@example.com'];
  await git('git', ['-C', at('shop'), ...author, 'commit', '--quiet', '-m', 'first']);
  const models = [];
  for (const [name, turns] of Object.entries(SCRIPTS)) {
    await writeFile(at(`shop/${name}.json`), JSON.stringify(turns));
    models.push(`[[models]]\nkind = "scripted"\nname = "${name}"\ntranscript = "${name}.json"\n`);
  }
  models.push(acpModel('agent', [{ run: { command: 'cat src/a.txt > copy.txt' } }, { look: 'copy.txt' }]));
  const plain = '[[workspaces]]\nname = "plain"\npath = "../plain"\n';
  await writeFile(at('shop/agents.toml'), [plain, ...models].join('\n'));
});
afterAll(() => terminal?.[Symbol.asyncDispose]());

const at = (name: string): string => path.join(terminal.root, name);
const locally = (role: string, model: string, mode = 'auto'): string[] => [
  ...['agents', 'run', '--local', '--role', role, '--mode', mode, '--model', model, 'Do it.'],
];
const local = (model: string, ...words: string[]): string[] => [...locally('coder', model), ...words];
const branches = async (): Promise<string> =>
  (
    await git('git', ['-C', at('shop'), 'branch', '--list', 'pugi/*', '--format=%(refname:short)'])
  ).stdout.trim();

it('works in the folder it is in, shows what happens, and says what came of it', async () => {
  const { code, stdout, stderr } = await terminal.run(local('writing'), { cwd: 'shop' });
  expect(stderr).toBe('');
  expect(stdout).toMatch(/spawned .*coder \(hiroshi\), shared_fs_serialized/);
  expect(stdout).toContain('tool call  write');
  expect(stdout).toContain('Written.');
  expect(code).toBe(0);
  expect(await readFile(at('shop/new.txt'), 'utf8')).toBe('here\n');
});

it('with --json it is a dispatch that has ended, in the workspace that was named', async () => {
  const words = ['--json', '--workspace', 'plain', '--budget-usd', '1'];
  const { code, stdout } = await terminal.run(local('writing', ...words), { cwd: 'shop' });
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    workspace: 'plain',
    state: 'ENDED',
    tokensIn: 100,
    task: { budget: { dollars: 1 } },
    result: { status: 'shipped', filesChanged: ['new.txt'] },
  });
  expect(await readFile(at('plain/new.txt'), 'utf8')).toBe('here\n');
});

it('runs command lines behind the walls of an agent host', async () => {
  const { code, stdout } = await terminal.run(local('running'), { cwd: 'shop' });
  expect(stdout).toContain('copy.txt');
  expect(code).toBe(0);
  expect(await readFile(at('shop/copy.txt'), 'utf8')).toBe('a\n');
});

it('hands the task to an agent of the Agent Client Protocol, in walls', async () => {
  const { code, stdout } = await terminal.run([...local('agent'), '--json'], { cwd: 'shop' });
  const { result } = JSON.parse(stdout) as Dispatch;
  expect(result).toMatchObject({ status: 'shipped', filesChanged: ['copy.txt'], toolCallCount: 1 });
  expect((JSON.parse(result!.summary) as unknown[]).at(-1)).toBe('a\n');
  expect(code).toBe(0);
});

it('denies what it would have to ask where there is no terminal', async () => {
  const words = ['agents', 'run', '--local', '--role', 'coder', '--model', 'writing', 'Do it.'];
  const { code, stdout } = await terminal.run(words, { cwd: 'shop' });
  expect(stdout).toContain('blocked');
  expect(code).toBe(1);
});

it('leaves a branch of a role that works in a tree of its own, and sweeps the tree of one that was killed', async () => {
  const words = locally('verifier', 'staying');
  const killed = terminal.spawn(words, { cwd: 'shop' });
  await eventually(async () => expect(await branches()).not.toBe(''));
  const abandoned = await branches();
  killed.kill('SIGKILL');
  await new Promise((resolve) => killed.once('close', resolve));

  const verify = locally('verifier', 'writing');
  // The log is let go of a moment after its writer's death.
  await eventually(async () => {
    const { code, stdout, stderr } = await terminal.run(verify, { cwd: 'shop' });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(await branches());
  });
  expect(await branches()).not.toContain(abandoned);
});

it.each([
  ['no such model', local('huge'), 2, /model: this host has no "huge"; it has writing/],
  ['no such workspace', local('writing', '--workspace', 'barn'), 2, /has no "barn"; it has plain/],
  ['no such file', local('writing', '--agents-file', 'none.toml'), 2, /none\.toml: it cannot be read/],
  ['detached', local('writing', '--detach'), 2, /--detach and --local exclude each other/],
  ['elsewhere', local('writing', '--remote'), 2, /--remote and --local exclude each other/],
])('is refused with %s', async (_, words, expected, said) => {
  const { code, stdout, stderr } = await terminal.run(words, { cwd: 'shop' });
  expect({ code, stdout }).toEqual({ code: expected, stdout: '' });
  expect(stderr).toMatch(said);
});
