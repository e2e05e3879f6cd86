import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ERROR_TABLE } from '@pegasus-workflows/contracts';
import { EXIT_CODES } from '../../packages/cli/dist/exit-codes.js';
import { BIN, Terminal } from './cli.js';
import { commandsOf, leavesOf, program } from './commands.js';

/** The command line where things are not as on a person's own machine: pipes, CI, narrow screens, folders that are gone. */
const exec = promisify(execFile);
const SECRET = 'another-shape/of.key+4711';
let terminal: Terminal;
beforeAll(async () => {
  terminal = await Terminal.open();
});
afterAll(() => terminal[Symbol.asyncDispose]());

/** A line of bash with the command as `$cli`; its output ends with the exit codes of the pipe's parts. */
async function bash(line: string): Promise<string> {
  const script = `cli() { '${process.execPath}' '${BIN}' "$@"; }; ${line}; echo "codes \${PIPESTATUS[*]}"`;
  const { stdout } = await exec('bash', ['--norc', '-c', script], { cwd: terminal.root, env: terminal.env });
  return stdout.trimEnd();
}

describe('streams', () => {
  it('a reader that leaves early is no failure', async () => {
    // The reader closes its end before the command has started.
    expect(await bash('(sleep 0; cli help exit-codes) | true')).toBe('codes 0 0');
  });

  it('nobody at standard error: the command goes on', async () => {
    expect(await bash('{ cli profile list; } 2> >(exec true) | head -c 10')).toMatch(
      /^No profile\n?codes 0 0$/,
    );
  });

  it('a full disk is a failure, told on standard error', async () => {
    const told = await bash('cli help exit-codes 2>&1 >/dev/full | cat');
    expect(told).toMatch(/^error: Standard output cannot be written: [^]*codes 1 0$/);
  });

  it('closed standard streams do no harm', async () => {
    expect(await bash('cli profile list <&- 2>&-')).toMatch(/^No profile[^]*codes 0$/);
  });
});

describe('a narrow screen', () => {
  it.each(commandsOf(program()).map((words) => [words.join(' ') || '(none)', words] as const))(
    'of 40 columns has the help of %s, each word whole',
    async (_name, words) => {
      const narrow = await terminal.run([...words, '--help'], { env: { COLUMNS: '40' } });
      const wide = await terminal.run([...words, '--help'], { env: { COLUMNS: '400' } });
      expect(narrow.code).toBe(0);
      const wordsOf = (text: string): string[] => text.split(/\s+/).filter(Boolean);
      expect(wordsOf(narrow.stdout)).toEqual(wordsOf(wide.stdout));
    },
    60_000,
  );
});

describe('CI, dumb terminals, folders that are gone', () => {
  it.each([{ CI: 'true' }, { TERM: 'dumb' }, { NO_COLOR: '1' }])(
    '%j: plain text, nothing moves',
    async (env) => {
      const { stdout, stderr } = await terminal.run(['doctor'], { env });
      expect(stdout + stderr).not.toMatch(/[\u001b\r]/);
    },
    60_000,
  );

  it('a folder that was removed under the shell', async () => {
    expect(await bash('mkdir gone && cd gone && rmdir ../gone && cli profile list')).toMatch(
      /^No profile[^]*codes 0$/,
    );
  });
});

describe('every command', () => {
  const leaves = leavesOf(program());

  it.each(leaves.map((words) => [words.join(' '), words] as const))(
    '%s tells wrong usage as one JSON document, and no secret with it',
    async (_name, words) => {
      const args = [...words, '--token', SECRET, `--tokn=${SECRET}`, '--json'];
      const { code, stdout, stderr } = await terminal.run(args, { env: { PEGASUS_DEBUG: '1' } });
      expect({ code, stderr }).toEqual({ code: 2, stderr: '' });
      expect(JSON.parse(stdout)).toMatchObject({ code: 'VALIDATION_ERROR', hint: expect.any(String) });
      expect(stdout).not.toContain(SECRET);
      expect((await terminal.run(args.slice(0, -1))).stderr).not.toContain(SECRET);
    },
    60_000,
  );
});

describe('exit codes', () => {
  it('are one table: of the errors and of the help topic; the documentation is made from it', async () => {
    const codes = EXIT_CODES.map(({ code }) => code);
    for (const { exitCode } of Object.values(ERROR_TABLE)) expect(codes).toContain(exitCode);
    const topic = await terminal.run(['help', 'exit-codes']);
    for (const { means } of EXIT_CODES) expect(topic.stdout.replace(/\s+/g, ' ')).toContain(means);
    expect(JSON.parse((await terminal.run(['exit-codes', '--json'])).stdout)).toEqual(EXIT_CODES);
  });

  it('--setup and --configure hint at the commands', async () => {
    for (const name of ['setup', 'configure']) {
      const { code, stderr } = await terminal.run([`--${name}`]);
      expect({ code, stderr }).toMatchObject({
        code: 2,
        stderr: expect.stringContaining(`next: It is a command: pegasus-workflows ${name}`),
      });
    }
  });
});
