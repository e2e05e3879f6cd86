import type { Command } from 'commander';
import type { ChangeTypeOptions, CreateTypeOptions, DeleteTypeOptions } from '../commands/event-types.js';
import type { EmitOptions, ListOptions, PickOptions } from '../commands/events.js';
import type { PageOptions } from '../options/page.js';

import { disable, enable, yes, type Program } from './program.js';

const TYPE = ['<type>', 'name of the event type'] as const;
const JSON_SOURCE = 'JSON, @file, or - for standard input';

/** `event-types …` and `events …`: what can happen, and what has. */
export function addEventCommands(program: Program): void {
  const types = program
    .command('event-types')
    .description('Your own kinds of events: list, show, create, update, delete.');
  addTypeReads(program, types);
  addTypeChanges(program, types);
  const events = program
    .command('events')
    .description('What has happened, and what it started: emit, list, show; dead letters, replay, discard.');
  addEventLog(program, events);
  addDeadLetters(program, events);
}

function addTypeReads(program: Program, types: Command): void {
  types
    .command('list')
    .description('By name. The built-in ones are not among them.')
    .action(program.running(async (context) => (await import('../commands/event-types.js')).list(context)));
  types
    .command('show')
    .description('One type: the schema of its payload, its condition.')
    .argument(...TYPE)
    .action(
      program.running(async (context, name: string) =>
        (await import('../commands/event-types.js')).show(context, name),
      ),
    );
}

function addTypeChanges(program: Program, types: Command): void {
  types
    .command('create')
    .description('A new type; names of built-in ones are reserved.')
    .argument(...TYPE)
    .option('--description <text>', 'what such an event says')
    .option('--schema <json>', `JSON Schema of its payload: ${JSON_SOURCE}`)
    .option('--condition <json>', `a filter; events that it does not match start nothing: ${JSON_SOURCE}`)
    .option('--disabled', 'not to be emitted yet')
    .action(
      program.running(async (context, name: string, options: CreateTypeOptions) =>
        (await import('../commands/event-types.js')).create(context, name, options),
      ),
    );
  types
    .command('update')
    .description('Change what is given; the rest stays, and so does the name.')
    .argument(...TYPE)
    .option('--description <text>', 'what such an event says; an empty one takes it away')
    .option('--schema <json>', `JSON Schema of its payload, or null: ${JSON_SOURCE}`)
    .option('--condition <json>', `a filter, or null: ${JSON_SOURCE}`)
    .addOption(enable())
    .addOption(disable())
    .action(
      program.running(async (context, name: string, options: ChangeTypeOptions) =>
        (await import('../commands/event-types.js')).update(context, name, options),
      ),
    );
  types
    .command('delete')
    .description('Delete a type; its events stay.')
    .argument(...TYPE)
    .option('--force', 'also when enabled triggers listen to it; they then start nothing')
    .addOption(yes())
    .action(
      program.running(async (context, name: string, options: DeleteTypeOptions) =>
        (await import('../commands/event-types.js')).remove(context, name, options),
      ),
    );
}

function addEventLog(program: Program, events: Command): void {
  events
    .command('emit')
    .description('Tell that something has happened: each trigger that wants it starts a run.')
    .argument('<type>', 'an event type, built-in or your own')
    .option('--payload <json>', `a JSON object: ${JSON_SOURCE}`)
    .option('--idempotency-key <key>', 'two calls with the same key are one event')
    .action(
      program.running(async (context, type: string, options: EmitOptions) =>
        (await import('../commands/events.js')).emit(context, type, options),
      ),
    );
  events
    .command('list')
    .description('Newest first.')
    .option('--type <type>', 'only those of this type')
    .option('--limit <n>', 'how many', '20')
    .option('--before <event>', 'only older ones than this')
    .action(
      program.running(async (context, options: ListOptions) =>
        (await import('../commands/events.js')).list(context, options),
      ),
    );
  events
    .command('show')
    .description('One event, the runs it has started, and what could not start.')
    .argument('<event>', 'its id')
    .action(
      program.running(async (context, id: string) =>
        (await import('../commands/events.js')).show(context, id),
      ),
    );
}

function addDeadLetters(program: Program, events: Command): void {
  events
    .command('dead-letters')
    .description('Events that could not start all their runs and were given up, each with the reason.')
    .option('--limit <n>', 'how many', '20')
    .option('--before <event>', 'only those that are older than this one')
    .action(
      program.running(async (context, options: PageOptions) =>
        (await import('../commands/events.js')).deadLetters(context, options),
      ),
    );
  events
    .command('replay')
    .description('Begin anew with a dead letter; only the runs that are missing are started.')
    .argument('[event]', 'id of the event; or --all')
    .option('--all', 'every dead letter, the oldest first')
    .option('--type <type>', 'with --all: only events of this type')
    .action(
      program.running(async (context, id: string | undefined, options: PickOptions) =>
        (await import('../commands/events.js')).replay(context, id, options),
      ),
    );
  events
    .command('discard')
    .description('Give up for good what an event has not started; the event itself stays.')
    .argument('[event]', 'id of the event; or --all')
    .option('--all', 'every dead letter')
    .option('--type <type>', 'with --all: only events of this type')
    .addOption(yes())
    .action(
      program.running(async (context, id: string | undefined, options: PickOptions) =>
        (await import('../commands/events.js')).discard(context, id, options),
      ),
    );
}
