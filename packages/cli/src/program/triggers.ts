import type { Command } from 'commander';
import { Option } from 'commander';
import type { BackfillOptions, TakeOverOptions } from '../commands/schedules.js';
import type {
  ChangeTriggerOptions,
  CreateTriggerOptions,
  DeleteTriggerOptions,
} from '../commands/triggers.js';
import type { Where } from '../workflows/resolve.js';
import { directory, disable, enable, environment, WORKFLOW, yes, type Program } from './program.js';

const TRIGGER = ['<trigger>', 'its id'] as const;
const cron = (): Option => new Option('--cron <expression>', 'at set times: five fields, in UTC');
const event = (): Option => new Option('--event <type>', 'when an event of this type happens');
const filter = (about: string): Option =>
  new Option('--filter <json>', `${about}: JSON, @file, or - for standard input`).conflicts('filterFile');
const filterFile = (): Option => new Option('--filter-file <file>', 'the same, from a file');

/** `triggers …`: what starts a workflow by itself. */
export function addTriggerCommands(program: Program): void {
  const triggers = program
    .command('triggers')
    .description(
      'What starts a workflow by itself: list, create, update, delete, pause, resume, run, backfill, next, take-over.',
    );
  triggers
    .command('list')
    .description('Of all versions of a workflow; name@version: of that one.')
    .argument(...WORKFLOW)
    .addOption(environment())
    .addOption(directory())
    .action(
      program.running(async (context, workflow: string, options: Where) =>
        (await import('../commands/triggers.js')).list(context, workflow, options),
      ),
    );
  addChanges(program, triggers);
  addSchedules(program, triggers);
  triggers
    .command('take-over')
    .description('Move the triggers of other versions of a workflow to this one, all at once.')
    .argument(...WORKFLOW)
    .option('--from <version>', 'only those of this version')
    .addOption(environment())
    .addOption(directory())
    .action(
      program.running(async (context, workflow: string, options: TakeOverOptions) =>
        (await import('../commands/schedules.js')).takeOver(context, workflow, options),
      ),
    );
}

function addChanges(program: Program, triggers: Command): void {
  triggers
    .command('create')
    .description('Start a workflow at set times (--cron) or by events (--event).')
    .argument(...WORKFLOW)
    .addOption(cron().conflicts('event'))
    .addOption(event())
    .addOption(filter('which events; without, every one'))
    .addOption(filterFile())
    .option('--disabled', 'not to fire yet')
    .addOption(environment())
    .addOption(directory())
    .action(
      program.running(async (context, workflow: string, options: CreateTriggerOptions) =>
        (await import('../commands/triggers.js')).create(context, workflow, options),
      ),
    );
  triggers
    .command('update')
    .description('Change what is given; the rest stays, and so does its kind.')
    .argument(...WORKFLOW)
    .argument(...TRIGGER)
    .addOption(cron().conflicts('event'))
    .addOption(event())
    .addOption(filter('which events; null: every one'))
    .addOption(filterFile())
    .addOption(enable())
    .addOption(disable())
    .addOption(environment())
    .addOption(directory())
    .action(
      program.running(async (context, workflow: string, trigger: string, options: ChangeTriggerOptions) =>
        (await import('../commands/triggers.js')).update(context, workflow, trigger, options),
      ),
    );
  triggers
    .command('delete')
    .description('Delete a trigger; what it has started runs on.')
    .argument(...WORKFLOW)
    .argument(...TRIGGER)
    .addOption(yes())
    .addOption(environment())
    .addOption(directory())
    .action(
      program.running(async (context, workflow: string, trigger: string, options: DeleteTriggerOptions) =>
        (await import('../commands/triggers.js')).remove(context, workflow, trigger, options),
      ),
    );
}

function addSchedules(program: Program, triggers: Command): void {
  for (const [act, about] of [
    ['pause', 'Let a schedule fire no more, until it is resumed.'],
    ['resume', 'Let a schedule fire again; what it missed is not made up for (backfill does that).'],
  ] as const)
    triggers
      .command(act)
      .description(about)
      .argument(...WORKFLOW)
      .argument(...TRIGGER)
      .option('--note <text>', 'why; shown with the trigger')
      .addOption(environment())
      .addOption(directory())
      .action(
        program.running(
          async (context, workflow: string, trigger: string, options: Where & { note?: string }) =>
            (await import('../commands/schedules.js')).pauseOrResume(
              context,
              act,
              workflow,
              trigger,
              options,
            ),
        ),
      );
  triggers
    .command('run')
    .description("Start a schedule's run now; refused while a prior one is open.")
    .argument(...WORKFLOW)
    .argument(...TRIGGER)
    .addOption(environment())
    .addOption(directory())
    .action(
      program.running(async (context, workflow: string, trigger: string, options: Where) =>
        (await import('../commands/schedules.js')).runNow(context, workflow, trigger, options),
      ),
    );
  triggers
    .command('backfill')
    .description('Run past ticks of a schedule that had no run, one at a time, oldest first.')
    .argument(...WORKFLOW)
    .argument(...TRIGGER)
    .requiredOption('--from <time>', 'the first: how long ago (2h, 3d) or an ISO time in UTC')
    .option('--to <time>', 'the last, in the same forms (default: now)')
    .addOption(environment())
    .addOption(directory())
    .action(
      program.running(async (context, workflow: string, trigger: string, options: BackfillOptions) =>
        (await import('../commands/schedules.js')).backfill(context, workflow, trigger, options),
      ),
    );
  triggers
    .command('next')
    .description('When the schedules of a workflow fire next.')
    .argument(...WORKFLOW)
    .argument('[trigger]', 'only this one')
    .addOption(environment())
    .addOption(directory())
    .action(
      program.running(async (context, workflow: string, trigger: string | undefined, options: Where) =>
        (await import('../commands/schedules.js')).next(context, workflow, trigger, options),
      ),
    );
}
