import { Argument } from 'commander';
import { EXIT_CODES, exitCodeLines } from '../exit-codes.js';
import { SHELLS } from '../completion/shells.js';
import { type Program } from './program.js';

/** Completion of the shells, and the topics of `help`. */
export function addShellCommands(program: Program): void {
  program
    .command('completion')
    .summary('completion for bash, zsh or fish')
    .description(
      `Print a completion script. It asks this program what fits, so it never grows old.\n${Object.entries(
        SHELLS,
      )
        .map(([shell, { install }]) => `${shell.padEnd(4)}  ${install}`)
        .join('\n')}`,
    )
    .addArgument(new Argument('<shell>', 'which one').choices(Object.keys(SHELLS)))
    .action(
      program.running(async (context, shell: string) =>
        (await import('../commands/completion.js')).completion(context, shell),
      ),
    );
  program
    .command('exit-codes', { hidden: true })
    .description(`What a command ends with:\n${exitCodeLines().join('\n')}`)
    .action(
      program.running(({ out }) => {
        for (const line of exitCodeLines()) out.line(line);
        out.result(EXIT_CODES);
        return Promise.resolve();
      }),
    );
  program.addHelpText('after', '\nExit codes: pegasus-workflows help exit-codes');
}
