import type { SetOptions } from '../commands/configs.js';
import { yes, type Program } from './program.js';
import { addValueOptions, group, KEY, onlyGroup } from './secrets.js';

/** `configs …`: values that workflows read and everybody may see. */
export function addConfigCommands(program: Program): void {
  const configs = program
    .command('configs')
    .description('Configuration values of workflows: set, get, list, delete.');
  addValueOptions(
    configs
      .command('set')
      .summary('set or replace a value')
      .description(
        'Set or replace a configuration value. It comes from standard input, a question at a terminal, --from-env or --from-file.',
      )
      .argument(...KEY)
      .addOption(group()),
  ).action(
    program.running(async (context, key: string, options: SetOptions) =>
      (await import('../commands/configs.js')).set(context, key, options),
    ),
  );
  configs
    .command('get')
    .description('Print a value.')
    .argument(...KEY)
    .addOption(group())
    .action(
      program.running(async (context, key: string, options: { group?: string }) =>
        (await import('../commands/configs.js')).get(context, key, options),
      ),
    );
  configs
    .command('list')
    .description('The values, by group and key.')
    .addOption(onlyGroup())
    .action(
      program.running(async (context, options: { group?: string }) =>
        (await import('../commands/configs.js')).list(context, options),
      ),
    );
  configs
    .command('delete')
    .description('Delete a value. Workflows that need it cannot start until it is set again.')
    .argument(...KEY)
    .addOption(group())
    .addOption(yes())
    .action(
      program.running(async (context, key: string, options: { group?: string; yes?: boolean }) =>
        (await import('../commands/configs.js')).remove(context, key, options),
      ),
    );
}
