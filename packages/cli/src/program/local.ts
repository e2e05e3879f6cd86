import type { DevOptions } from '../commands/dev.js';
import { directory, type Program } from './program.js';

/** What runs on this machine: the platform, and the look at what it needs. */
export function addLocalCommands(program: Program): void {
  program
    .command('dev')
    .summary('the platform on this machine')
    .description(
      'Start the platform on this machine and keep it running until Ctrl-C. Writes profile "local" and prints "ready <url>".\nInside a project it also publishes it, and again on every change, as <version>-dev.N.',
    )
    .option('--port <port>', 'port of the API (default: 4800, or the next free one)')
    .option('--data-dir <dir>', 'where everything is kept (default: ~/.local/share/pegasus)')
    .option('--no-watch', 'do not publish or watch the project in this folder')
    .addOption(directory())
    .action(
      program.running(async (context, options: DevOptions) =>
        (await import('../commands/dev.js')).dev(context, options),
      ),
    );
  program
    .command('doctor')
    .summary('what this machine has, what is missing, what mends it')
    .description(
      'Look at Node, Temporal, credentials and the platform; name the one command that mends what is missing.',
    )
    .action(program.running(async (context) => (await import('../commands/doctor.js')).doctor(context)));
}
