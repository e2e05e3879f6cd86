import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Terminal } from '../cli/cli.js';

let terminal: Terminal;
const file = (...parts: string[]): string => path.join(terminal.root, 'demo', ...parts);

beforeAll(async () => {
  terminal = await Terminal.open();
  await terminal.run(['init', 'demo']);
});
afterAll(() => terminal[Symbol.asyncDispose]());

describe('diagram', () => {
  it('prints the task for a coding agent, and calls nobody', async () => {
    const { code, stdout, stderr } = await terminal.run(['diagram', '-C', 'demo']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(file('demo/workflow.mmd'));
    expect(stdout).toContain(`- ${file('demo/workflow.ts')}`);
    expect(stdout).toContain('names every step of the code');
    expect(stdout).toContain('pegasus-workflows diagram --check -w demo -C demo');
  });

  it('writes it to a file', async () => {
    const { code, stdout } = await terminal.run(['diagram', '-C', 'demo', '-o', 'task.md', '--json']);
    const [only] = JSON.parse(stdout) as { prompt: string }[];
    expect(code).toBe(0);
    expect(await readFile(path.join(terminal.root, 'task.md'), 'utf8')).toBe(only!.prompt);
  });

  it.each([
    [['--check', '--draw']],
    [['--write']],
    [['--draw', '--force']],
    [['--draw', '--write', '-o', 'x.mmd']],
  ])('refuses %j', async (flags) => {
    expect((await terminal.run(['diagram', '-C', 'demo', ...flags])).code).toBe(2);
  });

  it('knows the names of the workflows', async () => {
    const { code, stderr } = await terminal.run(['diagram', '-C', 'demo', '-w', 'dmeo']);
    expect({ code, stderr }).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('Did you mean demo?'),
    });
  });
});

describe('diagram --draw', () => {
  it('never writes over a person, replaces what it drew, and draws where there is nothing', async () => {
    const own = await readFile(file('demo/workflow.mmd'), 'utf8');
    const refused = await terminal.run(['diagram', '-C', 'demo', '--draw', '--write']);
    expect(refused.code).toBe(5);
    expect(await readFile(file('demo/workflow.mmd'), 'utf8')).toBe(own);

    await rm(file('demo/workflow.mmd'));
    const absent = await terminal.run(['diagram', '-C', 'demo', '--check', '--json']);
    expect({ code: absent.code, verdicts: JSON.parse(absent.stdout) }).toMatchObject({
      code: 2,
      verdicts: [{ name: 'demo', problems: [expect.stringContaining('does not exist')] }],
    });
    for (const flags of [['--write'], ['--write']]) {
      const { code } = await terminal.run(['diagram', '-C', 'demo', '--draw', ...flags]);
      expect(code).toBe(0);
    }
    const { stdout } = await terminal.run(['diagram', '-C', 'demo', '--draw']);
    expect(await readFile(file('demo/workflow.mmd'), 'utf8')).toBe(stdout);
    expect(await readdir(file('demo'))).not.toContainEqual(expect.stringContaining('draft'));

    await writeFile(file('demo/workflow.mmd'), own);
    expect((await terminal.run(['diagram', '-C', 'demo', '--draw', '--write', '--force'])).code).toBe(0);
    expect((await terminal.run(['diagram', '-C', 'demo', '--check'])).code).toBe(0);
  });
});

describe('a diagram that differs', () => {
  beforeAll(() => writeFile(file('demo/workflow.mmd'), 'flowchart TD\n  hurry --> sendFlowers\n'));

  it('is shown by --check with name and place; exit 2', async () => {
    const { code, stdout } = await terminal.run(['diagram', '-C', 'demo', '--check']);
    expect(code).toBe(2);
    expect(stdout).toMatch(/not in the diagram +activity +composeGreeting +demo\/workflow\.ts:\d+/);
    expect(stdout).toMatch(/not in the code +node +sendFlowers +demo\/workflow\.mmd:2/);
  });

  it('is a warning of package, and in its JSON', async () => {
    const { code, stdout, stderr } = await terminal.run(['package', '-C', 'demo', '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject([{ diagramCheck: { verdict: 'DIFFERS' } }]);
    expect(stderr).toContain('warning: the diagram of demo differs from the code; --strict refuses that');
    expect(stderr).toMatch(
      /demo\/workflow\.ts:\d+ activity "composeGreeting" is not in demo\/workflow\.mmd — /,
    );
  });

  it('is an error of package --strict, and nothing is written', async () => {
    await rm(file('dist'), { recursive: true, force: true });
    await mkdir(file('dist'));
    const { code, stdout } = await terminal.run(['package', '-C', 'demo', '--strict', '--json']);
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject([
      { code: 'VALIDATION_ERROR', problems: [expect.any(String), expect.any(String)] },
    ]);
    expect(await readdir(file('dist'))).toEqual([]);
  });

  it('that does not parse ends with 2 as well', async () => {
    await writeFile(file('demo/workflow.mmd'), 'flowchart TD\n  a --[\n');
    const { code, stdout } = await terminal.run(['diagram', '-C', 'demo', '--check']);
    expect({ code, stdout }).toMatchObject({
      code: 2,
      stdout: expect.stringContaining('is not valid Mermaid'),
    });
  });
});
