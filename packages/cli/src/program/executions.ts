import { Option, type Command } from 'commander';
import type { BatchOptions } from '../commands/batches.js';
import type { ListOptions, ShowOptions } from '../commands/executions.js';
import type { ExecutionLogsOptions } from '../commands/logs.js';
import type { SignalOptions } from '../commands/messages.js';
import type { Where } from '../workflows/resolve.js';
import { addControlCommands } from './controls.js';
import { EXECUTION, EXECUTION_OR_MATCHING, matching, matchingOf, several, yes } from './execution-options.js';
import { directory, environment, WORKFLOW, type Program } from './program.js';

/** `executions …`: what became of runs, and what can be done to them. */
export function addExecutionCommands(program: Program): void {
  const executions = program
    .command('executions')
    .description(
      'Runs of a workflow: list, show, watch, logs, cancel, retry, signal, query, update, pause, reset, terminate, export.',
    );
  executions
    .command('list')
    .description('Runs, newest first. A name covers all its versions, name@version that one.')
    .argument(...WORKFLOW)
    .option('--status <list>', 'only these, such as FAILED,TIMED_OUT')
    .option('--since <time>', 'created at or after: how long ago (2h, 3d) or an ISO time in UTC')
    .option('--until <time>', 'created before, in the same forms')
    .option('--limit <n>', 'how many', '20')
    .option('--before <execution>', 'only older ones than this')
    .addOption(environment())
    .addOption(directory())
    .action(
      program.running(async (context, workflow: string, options: ListOptions) =>
        (await import('../commands/executions.js')).list(context, workflow, options),
      ),
    );
  executions
    .command('show')
    .description('Input, result, error and timeline of one run.')
    .argument(...WORKFLOW)
    .argument(...EXECUTION)
    .option('--stack', 'ask an open run where in its code it waits')
    .addOption(environment())
    .addOption(directory())
    .action(
      program.running(async (context, workflow: string, execution: string, options: ShowOptions) =>
        (await import('../commands/executions.js')).show(context, workflow, execution, options),
      ),
    );
  executions
    .command('watch')
    .description('The timeline of a run as it happens, until it ends; exit 1 unless it COMPLETED.')
    .argument(...WORKFLOW)
    .argument('[execution]', 'id of the run (default: the newest)')
    .addOption(environment())
    .addOption(directory())
    .action(
      program.running(async (context, workflow: string, execution: string | undefined, options: Where) =>
        (await import('../commands/executions.js')).watch(context, workflow, execution, options),
      ),
    );
  addLogs(program, executions);
  addChangingCommands(program, executions);
  addMessageCommands(program, executions);
  addControlCommands(program, executions);
  executions
    .command('export')
    .summary('the whole history of a run, to keep and to replay')
    .description(
      "The whole history of a run as Temporal's own JSON, payloads readable: to keep in the repository and replay against later code.",
    )
    .argument(...WORKFLOW)
    .argument(...EXECUTION)
    .option('-o, --output <file>', 'where to write it (default: standard output)')
    .addOption(environment())
    .addOption(directory())
    .action(
      program.running(
        async (context, workflow: string, execution: string, options: Where & { output?: string }) =>
          (await import('../commands/export-history.js')).exportHistory(
            context,
            workflow,
            execution,
            options,
          ),
      ),
    );
}

function addLogs(program: Program, executions: Command): void {
  executions
    .command('logs')
    .description('What the code of a run has logged, child runs included, oldest first.')
    .argument(...WORKFLOW)
    .argument(...EXECUTION)
    .option('-f, --follow', 'go on until the run has ended')
    .option('--level <level>', 'this one and those above it: debug, info, warn, error')
    .option('--step <step>', 'only of this step: an activity type, or an activity id')
    .option('--since <time>', 'said at or after: how long ago (2h, 3d) or an ISO time in UTC')
    .addOption(environment())
    .addOption(directory())
    .action(
      program.running(async (context, workflow: string, execution: string, options: ExecutionLogsOptions) =>
        (await import('../commands/logs.js')).executionLogs(context, workflow, execution, options),
      ),
    );
}

function addChangingCommands(program: Program, executions: Command): void {
  const commands = [
    ['cancel', 'Ask a run to stop, or every run that fits; its code may clean up first.'],
    [
      'retry',
      'A new run with the input of one that failed, timed out or was cancelled, or of every such that fits.',
    ],
  ] as const;
  for (const [operation, description] of commands)
    executions
      .command(operation)
      .description(description)
      .argument(...WORKFLOW)
      .argument(...EXECUTION_OR_MATCHING)
      .addOption(matching())
      .addOption(yes())
      .addOption(environment())
      .addOption(directory())
      .action(
        program.running(
          async (context, workflow: string, execution: string | undefined, options: BatchOptions) => {
            const filter = matchingOf(execution, options);
            if (filter !== undefined)
              return (await import('../commands/batches.js')).batch(
                context,
                operation,
                workflow,
                filter,
                options,
              );
            return (await import('../commands/executions.js'))[operation](
              context,
              workflow,
              execution!,
              options,
            );
          },
        ),
      );
}

function addMessageCommands(program: Program, executions: Command): void {
  executions
    .command('signal')
    .summary('tell a run something it waits for')
    .description(
      'Send a signal to an open run. One that the run has no handler for is refused, since it cannot be taken back.',
    )
    .argument(...WORKFLOW)
    .argument(...EXECUTION)
    .argument('<signal>', 'name of the signal')
    .option('--input <json>', 'its only argument: JSON, @file, or - for standard input')
    .addOption(new Option('--arg <json>', 'one of several arguments; repeat it').argParser(several))
    .option('--force', 'also when the run has no handler for it now')
    .addOption(environment())
    .addOption(directory())
    .action(
      program.running(
        async (context, workflow: string, execution: string, name: string, options: SignalOptions) =>
          (await import('../commands/messages.js')).signal(context, workflow, execution, name, options),
      ),
    );
  executions
    .command('query')
    .summary('ask a run something, and print the answer')
    .description('Ask a run something, open or ended, and print the answer. Changes nothing.')
    .argument(...WORKFLOW)
    .argument(...EXECUTION)
    .argument('<query>', 'name of the query; __stack_trace: where it waits')
    .addOption(new Option('--arg <json>', 'an argument; repeat it for several').argParser(several))
    .addOption(environment())
    .addOption(directory())
    .action(
      program.running(
        async (
          context,
          workflow: string,
          execution: string,
          name: string,
          options: Where & { arg?: string[] },
        ) => (await import('../commands/messages.js')).query(context, workflow, execution, name, options),
      ),
    );
}
