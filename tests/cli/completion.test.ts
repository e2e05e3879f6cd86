import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findCommand } from '../support/apt.js';
import { BIN, Terminal } from './cli.js';
import { program } from './commands.js';

/** Completion as shells ask for it: real ones where they are installed. */
const exec = promisify(execFile);
const shells = { zsh: await findCommand('zsh'), fish: await findCommand('fish') };
let terminal: Terminal;
let env: NodeJS.ProcessEnv;
let project: string;

beforeAll(async () => {
  terminal = await Terminal.open();
  const bin = path.join(terminal.root, 'bin');
  project = path.join(terminal.root, 'project');
  await Promise.all([mkdir(bin), mkdir(path.join(project, 'sub'), { recursive: true })]);
  await writeFile(
    path.join(bin, 'pegasus-workflows'),
    `#!/bin/sh\nexec '${process.execPath}' '${BIN}' "$@"\n`,
    {
      mode: 0o755,
    },
  );
  env = { ...terminal.env, PATH: `${bin}${path.delimiter}${process.env['PATH']}` };
  await terminal.run(['configure', '--profile', 'local', '--api-key', 'vnd_completion0123456789abcdef']);
  await terminal.run(['configure', '--profile', 'live', '--api-key', 'vnd_completion0123456789abcdef']);
  await writeFile(
    path.join(project, 'pegasus-workflows.toml'),
    '[[workflow]]\nname = "orders"\ndescription = "Follows up"\n[[workflow]]\nname = "order-mail"\n',
  );
  await writeFile(
    path.join(project, 'deployments.toml'),
    '[live.orders]\nworkflow_id = "x"\n[live.retired]\nworkflow_id = "y"\n[staging.orders]\nworkflow_id = "z"\n',
  );
}, 120_000);
afterAll(() => terminal[Symbol.asyncDispose]());

async function asked(...words: string[]): Promise<string[]> {
  const { code, stdout, stderr } = await terminal.run(['__complete', '--', ...words], { cwd: 'project' });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout.trimEnd().split('\n');
}
const texts = async (...words: string[]): Promise<string[]> =>
  (await asked(...words)).map((line) => line.split('\t')[0] ?? '');

describe('what fits', () => {
  it('first is every command there is, and nothing hidden', async () => {
    const { commands } = program();
    const visible = program().createHelp().visibleCommands(program());
    expect(await texts('')).toEqual([...visible.map((one) => one.name()), ':end']);
    expect(await texts('')).not.toContain('exit-codes');
    expect(commands.length).toBeGreaterThanOrEqual(visible.length - 1);
  });

  it.each([
    [['configu'], ['configure', ':end']],
    [['conf'], ['configure', 'configs', ':end']],
    [
      ['executions', 'sh'],
      ['show', ':end'],
    ],
    [
      ['--profile', 'l'],
      ['local', 'live', ':end'],
    ],
    [['--profile=l'], ['--profile=local', '--profile=live', ':end']],
    [
      ['--profile', '=', 'l'],
      ['local', 'live', ':end'],
    ],
    [
      ['--profile', '='],
      ['local', 'live', ':end'],
    ],
    [
      ['push', '--env', ''],
      ['live', 'staging', ':end'],
    ],
    [
      ['run', ''],
      ['orders', 'order-mail', 'retired', ':end'],
    ],
    [
      ['run', '--wait', '--profile', 'local', 'order-'],
      ['order-mail', ':end'],
    ],
    [
      ['executions', 'list', 'ret'],
      ['retired', ':end'],
    ],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish', ':end'],
    ],
    [['package', '-C', ''], [':folders']],
    [['run', 'orders', '--input', ''], [':files']],
    [
      ['run', 'orders', '--la'],
      ['--latest', ':end'],
    ],
    [['run', '--', '--la'], [':end']],
    [['nonsense', ''], [':end']],
    [['login', '--api-key', ''], [':end']],
  ])('%j', async (words, expected) => {
    expect(await texts(...words)).toEqual(expected);
  });

  it('carries descriptions', async () => {
    expect(await asked('run', 'orders')).toEqual(['orders\tFollows up', ':end']);
  });

  it('is nothing, quietly, where files are broken', async () => {
    const other = await Terminal.open({ PEGASUS_CREDENTIALS_FILE: '/dev/null/x' });
    expect(await other.run(['__complete', '--', '--profile', ''])).toEqual({
      code: 0,
      stdout: ':end\n',
      stderr: '',
    });
    await other[Symbol.asyncDispose]();
  });
});

describe('bash', () => {
  async function complete(...words: string[]): Promise<string[]> {
    const script = `eval "$(pegasus-workflows completion bash)"
      compopt() { :; }
      COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
      $(complete -p pegasus-workflows | sed 's/.*-F \\([^ ]*\\) .*/\\1/')
      printf '%s\\n' "\${COMPREPLY[@]}"`;
    const args = ['--norc', '--noprofile', '-c', script, 'bash', 'pegasus-workflows', ...words];
    const { stdout } = await exec('bash', args, { env, cwd: project });
    return stdout.trimEnd().split('\n');
  }

  it.each([
    [['exec'], ['executions']],
    [
      ['run', 'or'],
      ['orders', 'order-mail'],
    ],
    [['--profile', '=', 'lo'], ['local']],
    [['package', '-C', 's'], ['sub']],
    [['run', 'orders', '--input', 'dep'], ['deployments.toml']],
  ])('%j', async (words, expected) => {
    expect(await complete(...words)).toEqual(expected);
  });
});

describe.runIf(shells.fish)('fish', () => {
  it.each([
    ['exec', ['executions']],
    ['run or', ['orders', 'order-mail']],
    ['--profile=lo', ['--profile=local']],
  ])('%s', async (line, expected) => {
    const script = `pegasus-workflows completion fish | source; complete -C "pegasus-workflows ${line}"`;
    const { stdout } = await exec(shells.fish!, ['--no-config', '-c', script], { env, cwd: project });
    const offered = stdout
      .trimEnd()
      .split('\n')
      .map((one) => one.split('\t')[0]);
    expect(offered.sort()).toEqual(expected.sort());
  });
});

describe.runIf(shells.zsh)('zsh', () => {
  it.each([
    [['exec'], ['executions']],
    [
      ['run', 'or'],
      ['orders', 'order-mail'],
    ],
  ])('%j', async (words, expected) => {
    // The widget's own environment is a line editor; what the function reads and calls is stood in for.
    const script = `compdef() { :; }
      _describe() { print -rl -- "\${(@)candidates}" }
      eval "$(pegasus-workflows completion zsh)"
      words=(pegasus-workflows "$@"); CURRENT=$#words
      _pegasus_workflows_complete`;
    const { stdout } = await exec(shells.zsh!, ['-f', '-c', script, 'zsh', ...words], { env, cwd: project });
    const offered = stdout
      .trimEnd()
      .split('\n')
      .map((one) => one.split(':')[0]);
    expect(offered).toEqual(expected);
  });
});
