import { Writable } from 'node:stream';
import { createProgram } from '../../../packages/cli/dist/program/index.js';

const PROGRAM = 'pegasus-workflows';

/** The words of each call of `pegasus-workflows` in a piece of shell, in any place of a pipe or a list, the name left out. */
export function calls(shell: string): string[][] {
  return simpleCommands(shell)
    .map((words) => words.filter((word, i) => !(i === 0 && word === 'npx')))
    .filter((words) => words[0] === PROGRAM)
    .map((words) => words.slice(1));
}

const TOKEN =
  /(?<blank>\s+)|(?<end>&&|\|\||\$\(|[|;&()])|(?<redirect>\d?>&?\s*\S*|<\s*\S*)|(?<word>(?:'[^']*'|"(?:\\.|[^"\\])*"|\\.|[^\s'"\\|;&()<>])+)/gy;

/** Enough of the shell's grammar for what stands in a manual; a `$(…)` inside of quotes stays a word. */
function simpleCommands(shell: string): string[][] {
  const commands: string[][] = [[]];
  for (const { groups = {} } of shell.matchAll(TOKEN)) {
    if (groups['end'] !== undefined) commands.push([]);
    else if (groups['word'] !== undefined) commands.at(-1)!.push(unquoted(groups['word']));
  }
  // `RUN=$(…)`: the assignment is a command of its own here, and the call in it the next one.
  return commands.filter((words) => words.length > 0);
}

function unquoted(word: string): string {
  return word.replace(/'([^']*)'|"((?:\\.|[^"\\])*)"|\\(.)/g, (_all, single, double, escaped) =>
    String(single ?? double ?? escaped),
  );
}

/**
 * What the command line itself says against these words; nothing runs.
 * @returns one sentence, or `undefined` when they parse
 */
export async function usageProblem(words: string[]): Promise<string | undefined> {
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const stream = Object.assign(silent, { isTTY: false, columns: 80 });
  const program = createProgram({ env: {}, cwd: '/', stdout: stream, stderr: stream });
  withoutActions(program);
  try {
    await program.parseAsync(words, { from: 'user' });
    return undefined;
  } catch (error) {
    const { code, exitCode, message } = error as { code?: string; exitCode?: number; message: string };
    if (!code?.startsWith('commander.')) throw error;
    return exitCode === 0 ? undefined : message;
  }
}

type Command = Parameters<ReturnType<typeof createProgram>['addCommand']>[0];

function withoutActions(command: Command): void {
  if (command.commands.length === 0) command.action(() => {});
  for (const child of command.commands) withoutActions(child);
}
