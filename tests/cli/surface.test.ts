import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Terminal } from './cli.js';
import { commandsOf, program } from './commands.js';

let terminal: Terminal;
beforeAll(async () => {
  terminal = await Terminal.open();
});
afterAll(() => terminal[Symbol.asyncDispose]());

/** Every command there is, from the program itself: a new one has its golden file or the test fails. */
const COMMANDS = commandsOf(program());

describe('help', () => {
  it.each(COMMANDS.map((words) => [words.join(' ') || '(none)', words] as const))(
    'of %s',
    async (_name, words) => {
      const { code, stdout, stderr } = await terminal.run([...words, '--help']);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      await expect(stdout).toMatchFileSnapshot(`golden/help-${words.join('-') || 'root'}.txt`);
    },
  );

  it('fits a narrow terminal where its words do', async () => {
    const { stdout } = await terminal.run(['--help'], { env: { COLUMNS: '60' } });
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(60);
  });

  it('is what no command at all prints', async () => {
    const [bare, help] = await Promise.all([terminal.run([]), terminal.run(['--help'])]);
    expect(bare).toEqual(help);
  });
});

describe('wrong usage ends with 2 and says what was meant', () => {
  it.each([
    [['pakage'], "Unknown command 'pakage'.", 'Did you mean package?'],
    [['push', '--profil', 'x'], "Unknown option '--profil'.", 'Did you mean --profile?'],
    [
      ['init'],
      "Missing required argument 'name'.",
      'Run `pegasus-workflows --help`, or the command with --help.',
    ],
    [['executions', 'lst', 'x'], "Unknown command 'lst'.", 'Did you mean list?'],
    [['dev', '--port', '70000'], '--port must be a number from 0 to 65535, not "70000".', undefined],
    [['init', 'Demo'], 'Workflow name "Demo" must be', 'Try: pegasus-workflows init demo'],
    [
      ['init', 'test'],
      'Workflow name "test" is the name of a folder',
      'Try: pegasus-workflows init my-workflow',
    ],
    [['run', 'demo', '--input', '[1]'], '--input must be a JSON object; it is an array.', undefined],
    [['run', 'demo', '--input', '{x'], '--input is not JSON', undefined],
    [['run', 'demo', '--input', '@none.json'], '--input: there is no file', 'Check the path after the @.'],
    [
      ['executions', 'list', 'demo', '--limit', '0'],
      '--limit must be a whole number from 1 to 200.',
      undefined,
    ],
  ])('%j', async (args, error, hint) => {
    const plain = await terminal.run(args);
    expect(plain).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining(`error: `) });
    expect(plain.stderr).toContain(error);
    if (hint) expect(plain.stderr).toContain(`next: ${hint}`);
    const json = await terminal.run([...args, '--json']);
    expect(json.code).toBe(2);
    expect(json.stderr).toBe('');
    expect(JSON.parse(json.stdout)).toMatchObject({
      code: 'VALIDATION_ERROR',
      error: expect.stringContaining(error),
    });
  });
});

describe('credentials', () => {
  it('without any: 3, and what to do', async () => {
    const { code, stdout } = await terminal.run(['workflows', 'list', '--json']);
    expect(code).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject({ error: 'No API key was given.', code: 'UNAUTHENTICATED' });
  });

  it('for a platform that is not there: 6, and no key in what is said', async () => {
    const key = 'vnd_0123456789abcdefghijklmnop';
    const { code, stdout, stderr } = await terminal.run(
      ['workflows', 'list', '--base-url', 'http://127.0.0.1:9', '--token', key],
    ); // prettier-ignore
    expect(code).toBe(6);
    expect(stderr).toContain('pegasus-workflows dev');
    expect(stdout + stderr).not.toContain(key.slice(4));
  }, 30_000);

  it('a key that cannot be one: 2, and not repeated', async () => {
    const { code, stderr } = await terminal.run(['workflows', 'list', '--token', 'vnd_with space0123456789']);
    expect(code).toBe(2);
    expect(stderr).not.toContain('space0123456789');
  });
});

describe('colour', () => {
  const wrong = ['pakage'];
  it.each([
    ['into a pipe', wrong, {}, false],
    ['into a pipe, forced', wrong, { FORCE_COLOR: '1' }, true],
    ['NO_COLOR', wrong, { FORCE_COLOR: '1', NO_COLOR: '1' }, false],
    ['--no-color', [...wrong, '--no-color'], { FORCE_COLOR: '1' }, false],
    ['a dumb terminal', wrong, { FORCE_COLOR: '1', TERM: 'dumb' }, false],
  ])('%s', async (_name, args, env, colored) => {
    const { stderr } = await terminal.run(args, { env });
    expect(stderr.includes('\u001b[')).toBe(colored);
  });
});

describe('init', () => {
  it('makes a project named as it is told, complete, and with no placeholder left', async () => {
    const { code, stdout } = await terminal.run([
      'init',
      'order-followup',
      '--dir',
      'projects/one',
      '--json',
    ]);
    expect(code).toBe(0);
    const { files, directory } = JSON.parse(stdout) as { files: string[]; directory: string };
    expect(files).toEqual([
      '.gitignore',
      'AGENTS.md',
      'README.md',
      'eslint.config.js',
      'order-followup/activities.ts',
      'order-followup/workflow.mmd',
      'order-followup/workflow.ts',
      'package.json',
      'pegasus-workflows.toml',
      'test/order-followup.test.ts',
      'tsconfig.json',
      'vitest.config.ts',
    ]);
    const texts = await Promise.all(files.map((file) => readFile(path.join(directory, file), 'utf8')));
    expect(texts.join('\n')).not.toMatch(/__[a-zA-Z]+__/);
    expect(texts.join('\n')).toContain('export async function orderFollowupWorkflow(');
  });

  it('refuses a place that is not empty and touches nothing there', async () => {
    await mkdir(path.join(terminal.root, 'full'));
    await writeFile(path.join(terminal.root, 'full/mine.txt'), 'mine');
    const { code, stderr } = await terminal.run(['init', 'full']);
    expect(code).toBe(5);
    expect(stderr).toContain('is not empty; nothing was written.');
    expect(await readdir(path.join(terminal.root, 'full'))).toEqual(['mine.txt']);
  });
});

describe('a project is found', () => {
  it('in the only subfolder that holds one; several are listed', async () => {
    const { run, root } = { run: terminal.run.bind(terminal), root: terminal.root };
    await mkdir(path.join(root, 'several'));
    expect((await run(['package'], { cwd: 'several' })).stderr).toContain(
      'There is no pegasus-workflows.toml',
    );
    await run(['init', 'aaa'], { cwd: 'several' });
    await run(['init', 'bbb'], { cwd: 'several' });
    const { code, stderr } = await run(['package'], { cwd: 'several' });
    expect(code).toBe(2);
    expect(stderr).toContain('Several projects are in this folder: aaa, bbb.');
    const wrong = await run(['test', 'bb', '-C', 'bbb'], { cwd: 'several' });
    expect(wrong).toMatchObject({ code: 4, stderr: expect.stringContaining('Did you mean bbb?') });
  });

  it('with -C, which must hold one', async () => {
    const { code } = await terminal.run(['package', '-C', 'nowhere']);
    expect(code).toBe(4);
  });
});
