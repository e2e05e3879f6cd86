import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect } from 'vitest';
import { codeBlocks, type CodeBlock } from '../../support/code-blocks.js';
import { type Shell } from './shell.js';

/**
 * What a page has its reader do, step by step. A fence's words say how a block is followed; they show neither on the
 * site nor on GitHub.
 *
 * | fence                                  | the reader                                                                 |
 * | -------------------------------------- | -------------------------------------------------------------------------- |
 * | `sh run`                               | types its commands, one after the other; each must end with 0              |
 * | `sh run exit=1`                        | the same; the last must end with that code                                 |
 * | `sh run terminal=platform until="…"`   | types the last command in that terminal and leaves it running once it has printed this |
 * | `sh run=install`                       | installs our packages: a link to those that were packed for the tests      |
 * | `ts file=demo/workflow.ts`             | makes this the content of the file                                         |
 * | `diff file=demo/workflow.ts`           | changes these lines of the file                                            |
 * | `text output` (`terminal=…`)           | reads this; `…` stands for anything, lines between may be left out         |
 *
 * A block without any of these words is for reading only.
 */
export type Step =
  | { kind: 'install'; block: CodeBlock }
  | { kind: 'command'; block: CodeBlock; command: string; terminal: string; exit: number; until?: string }
  | { kind: 'write' | 'change'; block: CodeBlock; file: string }
  | { kind: 'output'; block: CodeBlock; terminal: string };

const MAIN = 'main';

/** @throws Error for words that mean nothing */
export function stepsOf(markdown: string): Step[] {
  return codeBlocks(markdown).flatMap((block) => stepsOfBlock(block));
}

function stepsOfBlock(block: CodeBlock): Step[] {
  const { attributes, language, line } = block;
  const text = (name: string): string | undefined => {
    const value = attributes.get(name);
    return typeof value === 'string' ? value : undefined;
  };
  const terminal = text('terminal') ?? MAIN;
  const file = text('file');
  if (attributes.get('run') === 'install') return [{ kind: 'install', block }];
  if (attributes.get('run') === true) {
    const commands = commandsOf(block.content);
    return commands.map((command, i) => {
      const last = i === commands.length - 1;
      const until = last ? text('until') : undefined;
      const exit = last ? Number(text('exit') ?? 0) : 0;
      return { kind: 'command', block, command, terminal, exit, ...(until === undefined ? {} : { until }) };
    });
  }
  if (attributes.get('output') === true) return [{ kind: 'output', block, terminal }];
  if (file !== undefined) return [{ kind: language === 'diff' ? 'change' : 'write', block, file }];
  if (attributes.size > 0) throw new Error(`line ${line}: ${[...attributes.keys()].join(', ')} mean nothing`);
  return [];
}

/** One per line; a line goes on after a backslash and inside of quotes. Comments and empty lines are left out. */
export function commandsOf(content: string): string[] {
  const pieces = content
    .replace(/\\\n\s*/g, '')
    .match(/'[^']*'|"(?:\\[^]|[^"\\])*"|(?<=^|\s)#.*|\n|[^'"\n#]+|#/gm);
  const commands = [''];
  for (const piece of pieces ?? []) {
    if (piece === '\n') commands.push('');
    else if (!piece.startsWith('#') || piece === '#') commands.push(`${commands.pop()}${piece}`);
  }
  return commands.map((command) => command.trim()).filter((command) => command !== '');
}

/** What to call a step in a report. */
export function titleOf(step: Step): string {
  const what = {
    install: () => 'install the packages',
    command: () => (step as { command: string }).command,
    write: () => `write ${(step as { file: string }).file}`,
    change: () => `change ${(step as { file: string }).file}`,
    output: () => 'it prints what the page shows',
  }[step.kind]();
  return `line ${step.block.line}: ${what}`;
}

/** A file's content after a `diff` block: its `-` and unmarked lines are found together, once, and replaced. */
export function applyChange(content: string, { content: diff, line }: CodeBlock): string {
  const lines = diff.trimEnd().split('\n');
  const side = (mark: '-' | '+'): string =>
    lines
      .filter((each) => !each.startsWith(mark === '-' ? '+' : '-'))
      .map((each) => `${each.slice(1)}\n`)
      .join('');
  const [before, after] = [side('-'), side('+')];
  if (content.split(before).length !== 2)
    throw new Error(`line ${line}: these lines are not, or not only once, in the file:\n${before}`);
  return content.replace(before, () => after);
}

export async function writeStep(dir: string, step: Extract<Step, { file: string }>): Promise<void> {
  const file = path.join(dir, step.file);
  await mkdir(path.dirname(file), { recursive: true });
  const content =
    step.kind === 'write' ? step.block.content : applyChange(await readFile(file, 'utf8'), step.block);
  await writeFile(file, content);
}

/** Waits until the terminal shows every line of the block, in order. */
export async function expectOutput(shell: Shell, { content }: CodeBlock, timeoutMs: number): Promise<void> {
  const lines = content
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && line !== '…')
    .map((line) => line.split('…').map(pattern).join('[^\\n]*'));
  const found = await shell.printed(new RegExp(lines.join('[^]*?\\n\\s*?')), timeoutMs);
  expect(found).toBeTruthy();
}

/** Runs of blanks are alike: a column's width depends on what else is in it. */
function pattern(text: string): string {
  return text
    .split(/\s+/)
    .map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('\\s+');
}
