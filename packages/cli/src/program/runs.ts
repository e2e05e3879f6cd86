import type { RunOptions } from '../commands/run.js';
import { directory, environment, WORKFLOW, type Program } from './program.js';

/** Starting runs. */
export function addRunCommands(program: Program): void {
  program
    .command('run')
    .summary('start a run of a published workflow')
    .description(
      'Start a run. A name means your own newest version, else a GLOBAL one; name@version means exactly that; inside a project, the version that was pushed from it.',
    )
    .argument(...WORKFLOW)
    .option('--input <json>', 'its input: a JSON object, @file, or - for standard input')
    .option('--wait', 'wait for the end; exit 1 unless it COMPLETED')
    .option('--follow', 'wait, and show each step as it happens')
    .option('--latest', 'the newest version, whatever deployments.toml says')
    .option('--dry-run', 'read for real, change nothing, and show what would have been done')
    .option('--delay <time>', 'start later: in 30s, 15m, 2h, 3d, or at an ISO time in UTC')
    .option('--priority <n>', '1 is the most urgent, 5 the least (default: 3)')
    .option('--concurrency-key <key>', 'of the open runs with one key, only so many run at once')
    .option('--concurrency-limit <n>', 'how many (default: 1)')
    .option('--debounce <key>', 'one run for all requests with one key, with the last input')
    .option('--debounce-for <time>', 'how long after the last of them it starts, such as 30s')
    .option('--idempotency-key <key>', 'a repeat with the same key answers with the same run')
    .addOption(environment())
    .addOption(directory())
    .action(
      program.running(async (context, workflow: string, options: RunOptions) =>
        (await import('../commands/run.js')).run(context, workflow, options),
      ),
    );
}
