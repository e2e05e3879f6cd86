import { Option } from 'commander';
import type { ReplayOptions } from '../commands/replay.js';
import { directory, environment, type Program } from './program.js';

/** `replay`: whether the code as it is now fits what runs of earlier versions did. */
export function addReplayCommand(program: Program): void {
  program
    .command('replay')
    .summary('whether recorded runs of earlier versions fit the code')
    .description(
      'Replay recorded histories of earlier versions against the code as it is here, and show the first place where they part, both sides. Runs nothing; exit 1 when the code does not fit one of them.',
    )
    .argument('[workflow]', 'name of the workflow in pegasus-workflows.toml (default: each of them)')
    .addOption(
      new Option(
        '--from <source...>',
        'files, ids of runs, or latest:N of each published version, open runs first (default: latest:5)',
      ),
    )
    .addOption(environment())
    .addOption(directory())
    .action(
      program.running(async (context, workflow: string | undefined, options: ReplayOptions) =>
        (await import('../commands/replay.js')).replay(context, workflow, options),
      ),
    );
}
