import { Option, type Command } from 'commander';
import type {
  ChangeIngressOptions,
  CreateIngressOptions,
  RotateIngressOptions,
} from '../commands/ingress.js';
import { several } from './execution-options.js';
import { disable, enable, outFile, overlap, showSecret, yes, type Program } from './program.js';

const INTEGRATION = ['<integration>', 'what the integration is called'] as const;
const JSON_SOURCE = 'JSON, @file, or - for standard input';
const secretFromEnv = (): Option =>
  new Option('--secret-from-env <name>', "the partner's own secret, from a variable").conflicts(
    'secretFromFile',
  );
const secretFromFile = (): Option =>
  new Option('--secret-from-file <file>', 'the same from a file, or - for standard input');

/** `ingress …`: where partners' webhooks come in. */
export function addIngressCommands(program: Program): void {
  const ingress = program
    .command('ingress')
    .description("Where partners' webhooks come in: list, show, create, update, rotate, delete.");
  addReads(program, ingress);
  addCreate(program, ingress);
  addChanges(program, ingress);
}

function addReads(program: Program, ingress: Command): void {
  ingress
    .command('list')
    .description('Every ingress, by integration.')
    .action(program.running(async (context) => (await import('../commands/ingress.js')).list(context)));
  ingress
    .command('show')
    .description(
      'One ingress: its URL, how callers prove themselves, what it makes of a call. Never its secret.',
    )
    .argument(...INTEGRATION)
    .action(
      program.running(async (context, integration: string) =>
        (await import('../commands/ingress.js')).show(context, integration),
      ),
    );
}

function addCreate(program: Program, ingress: Command): void {
  ingress
    .command('create')
    .summary("open an ingress for an integration's webhooks")
    .description(
      "Open an ingress for an integration's webhooks: a URL to give to the partner, and a token or secret, which is shown this once.",
    )
    .argument(...INTEGRATION)
    .option('--preset <partner>', 'signs as this partner does, see below')
    .option('--auth <kind>', 'BEARER or HMAC, without a preset')
    .option('--signature <json>', `how the partner signs: ${JSON_SOURCE}`)
    .option('--event-type <type>', 'type of the events (default: pegasus_event.received)')
    .option('--dedup <path>', 'what tells one call from another: data.id, or header:X-Id')
    .addOption(new Option('--keep-header <name>', 'a header the event keeps; repeat it').argParser(several))
    .option('--acknowledge <json>', `what the partner is answered: ${JSON_SOURCE}`)
    .addOption(secretFromEnv())
    .addOption(secretFromFile())
    .option('--disabled', 'not to be called yet')
    .addOption(outFile())
    .addOption(showSecret())
    .addHelpText('after', '\nPartners: stripe, github, shopify, slack, twilio, standard-webhooks')
    .action(
      program.running(async (context, integration: string, options: CreateIngressOptions) =>
        (await import('../commands/ingress.js')).create(context, integration, options),
      ),
    );
}

function addChanges(program: Program, ingress: Command): void {
  ingress
    .command('update')
    .description('Change what is given; the rest stays, and so does the kind of proof.')
    .argument(...INTEGRATION)
    .option('--signature <json>', `how the partner signs: ${JSON_SOURCE}`)
    .option('--event-type <type>', 'type of the events')
    .option('--dedup <path>', 'what tells one call from another; an empty one: nothing does')
    .addOption(new Option('--keep-header <name>', 'a header the event keeps; repeat it').argParser(several))
    .option('--acknowledge <json>', `what the partner is answered, or null: ${JSON_SOURCE}`)
    .addOption(enable())
    .addOption(disable())
    .action(
      program.running(async (context, integration: string, options: ChangeIngressOptions) =>
        (await import('../commands/ingress.js')).update(context, integration, options),
      ),
    );
  ingress
    .command('rotate')
    .description('A new token or secret, shown this once; the one before it works until the overlap ends.')
    .argument(...INTEGRATION)
    .addOption(overlap())
    .addOption(secretFromEnv())
    .addOption(secretFromFile())
    .addOption(outFile())
    .addOption(showSecret())
    .action(
      program.running(async (context, integration: string, options: RotateIngressOptions) =>
        (await import('../commands/ingress.js')).rotate(context, integration, options),
      ),
    );
  ingress
    .command('delete')
    .description('Close an ingress: its URL is gone.')
    .argument(...INTEGRATION)
    .addOption(yes())
    .action(
      program.running(async (context, integration: string, options: { yes?: boolean }) =>
        (await import('../commands/ingress.js')).remove(context, integration, options),
      ),
    );
}
