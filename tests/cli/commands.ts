import { createProgram } from '../../packages/cli/dist/program/index.js';

type Program = ReturnType<typeof createProgram>;
type AnyCommand = Program['commands'][number];

/** The command line's own definition. Its output goes nowhere: it is read, not run. */
export function program(): Program {
  const nowhere = { write: () => true };
  return createProgram({ env: {}, cwd: '.', stdout: nowhere, stderr: nowhere });
}

/** The words of every command of a program, the program itself (no word) first; hidden ones and `help` are left out. */
export function commandsOf(command: AnyCommand | Program): string[][] {
  const visible = command.createHelp().visibleCommands(command);
  const below = visible.filter((one) => one.name() !== 'help');
  return [[], ...below.flatMap((one) => commandsOf(one).map((words) => [one.name(), ...words]))];
}

/** The commands that do something themselves: those without commands of their own. */
export function leavesOf(command: AnyCommand | Program): string[][] {
  const all = commandsOf(command).map((words) => words.join(' '));
  return all
    .filter((words) => words !== '' && !all.some((other) => other.startsWith(`${words} `)))
    .map((words) => words.split(' '));
}
