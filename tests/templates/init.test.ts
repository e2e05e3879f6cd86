import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Terminal } from '../cli/cli.js';

let terminal: Terminal;
beforeAll(async () => {
  terminal = await Terminal.open();
});
afterAll(() => terminal[Symbol.asyncDispose]());

const at = (...names: string[]): string => path.join(terminal.root, ...names);
const init = (...args: string[]) => terminal.run(['init', ...args]);

describe('a template', () => {
  it('that is mistyped or unknown is told, and nothing is made', async () => {
    const mistyped = await init('one', '--template', 'aproval');
    expect(mistyped).toMatchObject({ code: 2, stdout: '' });
    expect(mistyped.stderr).toContain('There is no template "aproval".');
    expect(mistyped.stderr).toContain('Did you mean approval?');
    const unknown = await init('one', '--template', 'react-native-app');
    expect(unknown.stderr).toContain('The templates are: hello, event, schedule, approval, agent, dispatch.');
    expect(await readdir(terminal.root)).not.toContain('one');
  });

  it('is in the answer', async () => {
    const { code, stdout } = await init('two', '--template', 'event', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      name: 'two',
      template: 'event',
      directory: at('two'),
      installed: false,
    });
  });
});

it.each([
  ['vitest', 'is the name of a package that every project needs'],
  ['pegasus-workflows-sdk', 'is the name of a package that every project needs'],
  ['con', 'cannot be the name of a folder on Windows'],
  ['node_modules', 'is the name of a folder that every project has for something else'],
])('%s is no name for a project', async (name, reason) => {
  const { code, stderr } = await init(name);
  expect(code).toBe(2);
  expect(stderr).toContain(`Workflow name "${name}" ${reason}.`);
});

describe('the place of a project', () => {
  it('holds all or nothing when the process is killed (invariant 2)', async () => {
    const killed = await terminal.run(['init', 'killed'], {
      env: { PEGASUS_FAILPOINTS: 'init.before-move=kill' },
    });
    expect(killed.code).not.toBe(0);
    expect(await readdir(terminal.root)).not.toContain('killed');
    expect((await init('killed')).code).toBe(0);
  });

  it('may be an empty folder, and the working directory stays the same one (invariant 3)', async () => {
    await mkdir(at('here'));
    const before = await stat(at('here'));
    const { code } = await terminal.run(['init', 'here', '--dir', '.'], { cwd: 'here' });
    expect(code).toBe(0);
    expect((await stat(at('here'))).ino).toBe(before.ino);
    expect(await readdir(at('here'))).toContain('pegasus-workflows.toml');
  });

  it('that is a file is refused', async () => {
    await writeFile(at('file'), 'mine');
    const { code, stderr } = await init('file');
    expect(code).toBe(5);
    expect(stderr).toContain('is a file.');
    expect(await readFile(at('file'), 'utf8')).toBe('mine');
  });

  it('keeps no draft beside it (invariant 4)', async () => {
    expect((await readdir(terminal.root)).filter((name) => /^\.(?!killed).*\.tmp$/.test(name))).toEqual([]);
  });
});

describe('--install', () => {
  it('that fails is told in npm’s words; the project is there and complete', async () => {
    const { code, stdout, stderr } = await terminal.run(['init', 'offline', '--install', '--json'], {
      env: {
        npm_config_registry: 'http://127.0.0.1:9',
        npm_config_fetch_retries: '0',
        npm_config_cache: at('cache'),
      },
    });
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ name: 'offline', installed: false });
    expect(stderr).toContain('npm install failed; the project is complete');
    expect(stderr).toContain('ECONNREFUSED');
    expect(await readdir(at('offline'))).toContain('pegasus-workflows.toml');
  });

  it('runs npm in the project, and only then', async () => {
    // The packages are not on a registry here: a command of that name takes down where it was run.
    await mkdir(at('bin'));
    await writeFile(at('bin', 'npm'), '#!/bin/sh\necho "$PWD $*" > installed.txt\n');
    await chmod(at('bin', 'npm'), 0o755);
    const env = { PATH: `${at('bin')}${path.delimiter}${process.env['PATH']}` };
    const { code, stdout } = await terminal.run(['init', 'online', '--install'], { env });
    expect(code).toBe(0);
    expect(stdout).toContain('npm test');
    expect(stdout).not.toContain('npm install &&');
    expect(await readFile(at('online', 'installed.txt'), 'utf8')).toMatch(/online install /);
    await terminal.run(['init', 'quiet'], { env });
    expect(await readdir(at('quiet'))).not.toContain('installed.txt');
  });

  it('without npm says so', async () => {
    const { code, stderr } = await terminal.run(['init', 'without', '--install'], {
      env: { PATH: at('none') },
    });
    expect(code).toBe(1);
    expect(stderr).toContain('npm is not on the PATH.');
  });
});
