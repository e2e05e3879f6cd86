import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codeBlocks } from '../support/code-blocks.js';
import { applyChange, commandsOf, expectOutput, stepsOf } from './support/page.js';
import { Shell } from './support/shell.js';

/** The reader of the tests: what follows a page must notice when the page is wrong. */
const SECONDS = 1_000;
const block = (fence: string, content: string) => codeBlocks(`\`\`\`${fence}\n${content}\n\`\`\`\n`)[0]!;

describe('blocks', () => {
  it('have a language, words and a place', () => {
    const [first, second] = codeBlocks(
      'text\n\n```ts file=a/b.ts until="two words" run\nx\n```\n\n- in a list:\n\n  ~~~~\n  ```\n  ~~~~\n',
    );
    expect(first).toMatchObject({ line: 3, language: 'ts', content: 'x\n' });
    expect([...first!.attributes]).toEqual([
      ['file', 'a/b.ts'],
      ['until', 'two words'],
      ['run', true],
    ]);
    expect(second).toMatchObject({ line: 9, language: '', content: '```\n' });
    expect(() => codeBlocks('```\nnever closed')).toThrow('line 1 is not closed');
  });

  it('become steps; words that mean nothing are refused', () => {
    const steps = stepsOf('```sh run exit=2\ncd a # there\nb \\\n  c\n```\n\n```json\n{}\n```\n');
    expect(steps).toMatchObject([
      { kind: 'command', command: 'cd a', exit: 0, terminal: 'main' },
      { kind: 'command', command: 'b c', exit: 2 },
    ]);
    expect(() => stepsOf('```sh rnu\nx\n```\n')).toThrow('rnu mean nothing');
  });

  it('hold commands over several lines', () => {
    expect(commandsOf(`# first\nrun --input '{\n  "a": "# 1"\n}'\n\nnext "#2"`)).toEqual([
      `run --input '{\n  "a": "# 1"\n}'`,
      'next "#2"',
    ]);
  });
});

describe('a change', () => {
  it('replaces lines that are there once', () => {
    expect(applyChange('a\nb\nc\n', block('diff', ' a\n-b\n+B\n+b'))).toBe('a\nB\nb\nc\n');
    expect(() => applyChange('a\nb\n', block('diff', '-x\n+y'))).toThrow('not, or not only once');
    expect(() => applyChange('a\na\n', block('diff', '-a\n+b'))).toThrow('not, or not only once');
  });
});

describe('a terminal', () => {
  let cwd: string;
  let shell: Shell;
  beforeAll(async () => {
    cwd = await mkdtemp(path.join(tmpdir(), 'pegasus-shell-'));
    shell = new Shell(cwd, process.env);
  });
  afterAll(async () => {
    await shell.close();
    await rm(cwd, { recursive: true, force: true });
  });

  it('keeps folder and variables, and tells how a command ended', async () => {
    expect(await shell.run('mkdir sub && cd sub && NAME=Ada', 20 * SECONDS)).toBe(0);
    expect(await shell.run('echo "$NAME in $(basename "$PWD")" >&2; false', 20 * SECONDS)).toBe(1);
    expect(shell.output.trim()).toBe('Ada in sub');
  });

  it('gives a command nothing to read', async () => {
    expect(await shell.run('cat', 20 * SECONDS)).toBe(0);
    expect(await shell.run('echo still here', 20 * SECONDS)).toBe(0);
  });

  it('compares what was printed with what the page shows', async () => {
    await shell.run("printf 'first 1\\nnoise\\nsecond   2 ms\\n'", 20 * SECONDS);
    const shows = (text: string) => expectOutput(shell, block('text output', text), 20 * SECONDS);
    await shows('first …\nsecond 2 ms');
    await expect(shows('second 2 ms\nfirst 1')).rejects.toThrow('this was printed');
    await expect(shows('third')).rejects.toThrow('this was printed');
  });

  it('is interrupted together with what runs in it', async () => {
    const other = new Shell(cwd, process.env);
    other.start('echo started; exec sleep 600');
    await other.printed(/started/, 20 * SECONDS);
    await other.close();
    expect(other.output).toContain('started');
  });
});
