import { Option, type Command } from 'commander';
import type { BatchOptions } from '../commands/batches.js';
import type { ControlOptions, ResetOptions, UpdateOptions } from '../commands/controls.js';
import type { Where } from '../workflows/resolve.js';
import { EXECUTION, EXECUTION_OR_MATCHING, matching, matchingOf, several, yes } from './execution-options.js';
import { directory, environment, WORKFLOW, type Program } from './program.js';

const reason = (): Option => new Option('--reason <text>', "why; shown in the run's history");

/** What is done to open runs beside or against their code, and what dry runs would have done. */
export function addControlCommands(program: Program, executions: Command): void {
  addUpdate(program, executions);
  addEnds(program, executions);
  addPauses(program, executions);
  executions
    .command('mutations')
    .summary('what a dry run would have changed')
    .description('What a dry run would have changed, call by call.')
    .argument(...WORKFLOW)
    .argument(...EXECUTION)
    .addOption(environment())
    .addOption(directory())
    .action(
      program.running(async (context, workflow: string, execution: string, options: Where) =>
        (await import('../commands/mutations.js')).mutations(context, workflow, execution, options),
      ),
    );
}

function addUpdate(program: Program, executions: Command): void {
  executions
    .command('update')
    .summary('change something in a run, and print what it answers')
    .description(
      'Call an update handler of an open run, which may refuse, and print what it returns. A repeat with the same --id is the same update.',
    )
    .argument(...WORKFLOW)
    .argument(...EXECUTION)
    .argument('<update>', 'name of the update')
    .option('--input <json>', 'its only argument: JSON, @file, or - for standard input')
    .addOption(new Option('--arg <json>', 'one of several arguments; repeat it').argParser(several))
    .option('--id <id>', "the update's id, to repeat it safely")
    .option('--no-wait', 'be content when the run has accepted it')
    .addOption(environment())
    .addOption(directory())
    .action(
      program.running(
        async (context, workflow: string, execution: string, name: string, options: UpdateOptions) =>
          (await import('../commands/controls.js')).update(context, workflow, execution, name, options),
      ),
    );
}

function addEnds(program: Program, executions: Command): void {
  executions
    .command('terminate')
    .summary('end a run at once')
    .description(
      'End a run, or every run that fits, at once: its code is not asked and cleans nothing up. Cancel is the kinder way.',
    )
    .argument(...WORKFLOW)
    .argument(...EXECUTION_OR_MATCHING)
    .addOption(matching())
    .addOption(reason())
    .addOption(yes())
    .addOption(environment())
    .addOption(directory())
    .action(
      program.running(
        async (
          context,
          workflow: string,
          execution: string | undefined,
          options: ControlOptions & BatchOptions,
        ) => {
          const filter = matchingOf(execution, options);
          if (filter !== undefined)
            return (await import('../commands/batches.js')).batch(
              context,
              'terminate',
              workflow,
              filter,
              options,
            );
          return (await import('../commands/controls.js')).terminate(context, workflow, execution!, options);
        },
      ),
    );
  executions
    .command('reset')
    .summary('let an open run go on from an earlier point')
    .description(
      'Let an open run go on from an earlier point, as the same run, forgetting what came after it.',
    )
    .argument(...WORKFLOW)
    .argument(...EXECUTION)
    .option(
      '--to <point>',
      'id of an event, first-workflow-task, last-workflow-task (default) or last-continued-as-new',
    )
    .option('--reapply <what>', 'signals and updates delivered again: all (default), signals or none')
    .addOption(reason())
    .addOption(yes())
    .addOption(environment())
    .addOption(directory())
    .action(
      program.running(async (context, workflow: string, execution: string, options: ResetOptions) =>
        (await import('../commands/controls.js')).reset(context, workflow, execution, options),
      ),
    );
}

function addPauses(program: Program, executions: Command): void {
  const changes = [
    [
      'pause',
      'Hold an open run: as a whole where the cluster can, else the activities that are pending now.',
    ],
    ['unpause', 'Let go on what was paused.'],
  ] as const;
  for (const [change, description] of changes)
    executions
      .command(change)
      .description(description)
      .argument(...WORKFLOW)
      .argument(...EXECUTION)
      .addOption(reason())
      .addOption(environment())
      .addOption(directory())
      .action(
        program.running(async (context, workflow: string, execution: string, options: ControlOptions) =>
          (await import('../commands/controls.js')).changePause(
            context,
            change,
            workflow,
            execution,
            options,
          ),
        ),
      );
}
