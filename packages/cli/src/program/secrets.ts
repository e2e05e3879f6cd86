import { Option, type Command } from 'commander';
import type { CheckOptions, SetOptions } from '../commands/secrets.js';
import { directory, environment, yes, type Program } from './program.js';

/** `--group`, the same in every command about secrets and configuration values. */
export const group = (): Option => new Option('-g, --group <group>', 'its group (default: global)');
/** `--group` of a list. */
export const onlyGroup = (): Option => new Option('-g, --group <group>', 'only this group');
export const KEY = ['<key>', 'such as API_KEY: letters, digits and "_"'] as const;

/** Where a value comes from, the same in every command that stores one. */
export function addValueOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--from-env <name>', 'take the value from a variable of the environment').conflicts(
        'fromFile',
      ),
    )
    .option('--from-file <file>', 'take the value from a file')
    .option('--exact', 'keep a line break at the end of the file or of standard input')
    .option('--description <text>', 'what it is, for people');
}

/** `secrets …`: what workflows may know and nobody may see. */
export function addSecretCommands(program: Program): void {
  const secrets = program
    .command('secrets')
    .description(
      'Secrets of workflows: set, list, delete, check; and the keys that keep them, and payloads, unreadable.',
    );
  addValueOptions(
    secrets
      .command('set')
      .summary('set a secret, once')
      .description(
        'Set a secret. The value comes from standard input, a question at a terminal, --from-env or --from-file, never from the command line. A secret is set once: to change it, delete it and set it again.',
      )
      .argument(...KEY)
      .addOption(group()),
  ).action(
    program.running(async (context, key: string, options: SetOptions) =>
      (await import('../commands/secrets.js')).set(context, key, options),
    ),
  );
  secrets
    .command('list')
    .description('Which secrets are set. Values are never shown.')
    .addOption(onlyGroup())
    .action(
      program.running(async (context, options: { group?: string }) =>
        (await import('../commands/secrets.js')).list(context, options),
      ),
    );
  secrets
    .command('delete')
    .description('Delete a secret. Workflows that need it cannot start until it is set again.')
    .argument(...KEY)
    .addOption(group())
    .addOption(yes())
    .action(
      program.running(async (context, key: string, options: { group?: string; yes?: boolean }) =>
        (await import('../commands/secrets.js')).remove(context, key, options),
      ),
    );
  secrets
    .command('check')
    .summary('what workflows need, and what of it is not set')
    .description(
      'The secrets and configuration values that workflows declare, and which of them are not set; exit 1 when one is missing.',
    )
    .argument('[workflow]', 'name, name@version or id (default: all of them)')
    .addOption(environment())
    .addOption(directory())
    .action(
      program.running(async (context, workflow: string | undefined, options: CheckOptions) =>
        (await import('../commands/secrets.js')).check(context, workflow, options),
      ),
    );
  addMasterKeyCommands(program, secrets);
  addPayloadKeyCommands(program, secrets);
}

function addMasterKeyCommands(program: Program, secrets: Command): void {
  secrets
    .command('rotate-master-key')
    .summary('a new master key for the platform on this machine')
    .description(
      'Put a new master key first in the key file of the platform on this machine. A platform that runs takes it up within seconds and brings every secret under it while it serves. The old key stays in the file until `secrets master-keys` says that nothing needs it.',
    )
    .option('--data-dir <dir>', 'its data directory (default: ~/.local/share/pegasus)')
    .action(
      program.running(async (context, options: { dataDir?: string }) =>
        (await import('../commands/master-keys.js')).rotate(context, options),
      ),
    );
  secrets
    .command('master-keys')
    .description('For the operator: which master keys the platform has, and how many values need each.')
    .action(program.running(async (context) => (await import('../commands/master-keys.js')).list(context)));
}

function addPayloadKeyCommands(program: Program, secrets: Command): void {
  secrets
    .command('payload-keys')
    .description('The keys that your payloads in Temporal are encrypted with; never a key itself.')
    .action(program.running(async (context) => (await import('../commands/payload-keys.js')).list(context)));
  secrets
    .command('rotate-payload-key')
    .summary('a new key for payloads in Temporal')
    .description(
      'Make a new key for your payloads in Temporal: inputs, results, errors, signals and all else that runs tell it. Runs that are open go on under it; what is encrypted with the keys before it stays readable.',
    )
    .action(
      program.running(async (context) => (await import('../commands/payload-keys.js')).rotate(context)),
    );
}
