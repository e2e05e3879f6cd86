import { Option, type Command } from 'commander';
import type { DeleteOptions, ListOptions, PutOptions } from '../commands/projections.js';
import { yes, type Program } from './program.js';

const ifVersion = (): Option =>
  new Option('--if-version <n>', 'only when it is at this version, as `projections get` shows it');

/** `projections …`: what workflows remember of outside systems' records. */
export function addProjectionCommands(program: Program): void {
  const projections = program
    .command('projections')
    .description("What workflows remember of outside systems' records: list, get, put, delete.");
  const named = (name: string): Command =>
    projections
      .command(name)
      .argument('<integration>', 'such as shop')
      .argument('<type>', 'type of the records, such as order');
  named('list')
    .description('Projections of one type, in the order of their keys.')
    .option('--limit <n>', 'how many at most', '20')
    .option('--after <key>', 'only those after this key')
    .action(
      program.running(async (context, integration: string, type: string, options: ListOptions) =>
        (await import('../commands/projections.js')).list(context, integration, type, options),
      ),
    );
  named('get')
    .description('Print the state of one.')
    .argument('<key>')
    .action(
      program.running(async (context, integration: string, type: string, key: string) =>
        (await import('../commands/projections.js')).get(context, [integration, type, key]),
      ),
    );
  named('put')
    .summary('set or replace a state')
    .description('Set or replace a state: JSON from standard input, or --from-file.')
    .argument('<key>')
    .option('--from-file <file>', 'take the state from a file')
    .addOption(ifVersion().conflicts('ifAbsent'))
    .option('--if-absent', 'only when there is none')
    .action(
      program.running(async (context, integration: string, type: string, key: string, options: PutOptions) =>
        (await import('../commands/projections.js')).put(context, [integration, type, key], options),
      ),
    );
  named('delete')
    .description('Delete one.')
    .argument('<key>')
    .addOption(ifVersion())
    .addOption(yes())
    .action(
      program.running(
        async (context, integration: string, type: string, key: string, options: DeleteOptions) =>
          (await import('../commands/projections.js')).remove(context, [integration, type, key], options),
      ),
    );
}
