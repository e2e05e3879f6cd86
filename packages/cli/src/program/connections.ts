import { Option, type Command } from 'commander';
import type { AuthOptions, TestOptions, UpdateOptions } from '../commands/connections.js';
import { type Program } from './program.js';

const CONNECTION = ['<connection>', 'its name or id'] as const;

/** `connections …`: which outside APIs workflows may call, and as whom. */
export function addConnectionCommands(program: Program): void {
  const connections = program
    .command('connections')
    .description('Outside APIs that workflows may call: list, show, create, update, delete, test.');
  connections
    .command('list')
    .description('By name.')
    .action(program.running(async (context) => (await import('../commands/connections.js')).list(context)));
  connections
    .command('show')
    .description('One connection; secrets are shown by name.')
    .argument(...CONNECTION)
    .action(
      program.running(async (context, connection: string) =>
        (await import('../commands/connections.js')).show(context, connection),
      ),
    );
  withAuthOptions(
    connections
      .command('create')
      .description('Let workflows call an API; its credentials are secrets of the tenant, given by name.')
      .argument('<name>', 'what workflows call it')
      .argument('<url>', 'calls go below it'),
  )
    .option('--disabled', 'refuse calls until it is enabled')
    .action(
      program.running(
        async (context, name: string, url: string, options: AuthOptions & { disabled?: boolean }) =>
          (await import('../commands/connections.js')).create(context, name, url, options),
      ),
    );
  withAuthOptions(
    connections
      .command('update')
      .description('Change a connection: what is not given stays.')
      .argument(...CONNECTION),
  )
    .option('--url <url>', 'calls go below it')
    .option('--enable', 'take calls')
    .option('--disable', 'refuse calls')
    .action(
      program.running(async (context, connection: string, options: UpdateOptions) =>
        (await import('../commands/connections.js')).update(context, connection, options),
      ),
    );
  addRemovingAndTesting(program, connections);
}

function addRemovingAndTesting(program: Program, connections: Command): void {
  connections
    .command('delete')
    .description('Delete a connection; calls by its name are refused from then on.')
    .argument(...CONNECTION)
    .option('--yes', 'do not ask')
    .action(
      program.running(async (context, connection: string, options: { yes?: boolean }) =>
        (await import('../commands/connections.js')).remove(context, connection, options),
      ),
    );
  connections
    .command('test')
    .description('Read from the API once, with the credentials; exit 1 unless that went well.')
    .argument(...CONNECTION)
    .option('--path <path>', 'below the URL of the connection', '/')
    .addOption(new Option('--method <method>', 'GET or HEAD').choices(['GET', 'HEAD']).default('GET'))
    .action(
      program.running(async (context, connection: string, options: TestOptions) =>
        (await import('../commands/connections.js')).test(context, connection, options),
      ),
    );
}

function withAuthOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--auth <kind>', 'how calls prove who makes them').choices([
        'none',
        'bearer',
        'api-key',
        'oauth2',
      ]),
    )
    .option('--secret <name>', 'the secret that holds token, key or client secret: KEY or group/KEY')
    .option('--header <name>', 'api-key: the header that carries it')
    .option('--token-url <url>', 'oauth2: the token endpoint')
    .option('--client-id <id>', 'oauth2: the client')
    .option('--scope <scope>', 'oauth2: what to ask for')
    .option('--audience <audience>', 'oauth2: for which API')
    .addOption(
      new Option('--client-auth <style>', 'oauth2: where the client proves itself').choices([
        'basic',
        'body',
      ]),
    )
    .option('--timeout <seconds>', 'for each attempt, 1 to 60 (default: 30)');
}
