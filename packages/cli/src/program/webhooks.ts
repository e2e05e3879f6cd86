import type { Command } from 'commander';
import type {
  ChangeWebhookOptions,
  CreateWebhookOptions,
  RotateWebhookOptions,
} from '../commands/webhooks.js';
import type { DeliveriesOptions } from '../commands/webhook-deliveries.js';
import { disable, enable, outFile, overlap, showSecret, yes, type Program } from './program.js';

const WEBHOOK = ['<webhook>', 'its id'] as const;

/** `webhooks …`: who is told how runs end. */
export function addWebhookCommands(program: Program): void {
  const webhooks = program
    .command('webhooks')
    .description(
      'Who is told how runs end: list, show, create, update, rotate, test, deliveries, redeliver, delete.',
    );
  webhooks
    .command('list')
    .description('Newest first.')
    .action(program.running(async (context) => (await import('../commands/webhooks.js')).list(context)));
  webhooks
    .command('show')
    .description('One webhook; never its secret.')
    .argument(...WEBHOOK)
    .action(
      program.running(async (context, id: string) =>
        (await import('../commands/webhooks.js')).show(context, id),
      ),
    );
  addChanges(program, webhooks);
  addDeliveries(program, webhooks);
}

function addChanges(program: Program, webhooks: Command): void {
  webhooks
    .command('create')
    .description(
      'Have ends of runs, or what coding agents ask, told to a URL, signed with a secret that is shown this once.',
    )
    .argument('<url>', 'an https URL')
    .requiredOption(
      '--on <list>',
      'which ends: COMPLETED, FAILED, TIMED_OUT, CANCELLED, or all; of coding agents: agent.question, agent.ended',
    )
    .option('--workflow <name>', 'only runs of this workflow')
    .option('--description <text>', 'what it is for')
    .option('--disabled', 'not to tell anything yet')
    .addOption(outFile())
    .addOption(showSecret())
    .action(
      program.running(async (context, url: string, options: CreateWebhookOptions) =>
        (await import('../commands/webhooks.js')).create(context, url, options),
      ),
    );
  webhooks
    .command('update')
    .description('Change what is given; the rest stays.')
    .argument(...WEBHOOK)
    .option('--url <url>', 'where to tell it')
    .option(
      '--on <list>',
      'which ends: COMPLETED, FAILED, TIMED_OUT, CANCELLED, or all; of coding agents: agent.question, agent.ended',
    )
    .option('--workflow <name>', 'only runs of this workflow; an empty name: of every one')
    .option('--description <text>', 'what it is for; an empty one takes it away')
    .addOption(enable())
    .addOption(disable())
    .action(
      program.running(async (context, id: string, options: ChangeWebhookOptions) =>
        (await import('../commands/webhooks.js')).update(context, id, options),
      ),
    );
  webhooks
    .command('rotate')
    .description('A new signing secret, shown this once; until the overlap ends both sign.')
    .argument(...WEBHOOK)
    .addOption(overlap())
    .addOption(outFile())
    .addOption(showSecret())
    .action(
      program.running(async (context, id: string, options: RotateWebhookOptions) =>
        (await import('../commands/webhooks.js')).rotate(context, id, options),
      ),
    );
  webhooks
    .command('delete')
    .description('Delete a webhook, and what it has not told yet.')
    .argument(...WEBHOOK)
    .addOption(yes())
    .action(
      program.running(async (context, id: string, options: { yes?: boolean }) =>
        (await import('../commands/webhooks.js')).remove(context, id, options),
      ),
    );
}

function addDeliveries(program: Program, webhooks: Command): void {
  webhooks
    .command('test')
    .description('Call the URL once with a signed test message; exit 1 unless it took it.')
    .argument(...WEBHOOK)
    .action(
      program.running(async (context, id: string) =>
        (await import('../commands/webhook-deliveries.js')).test(context, id),
      ),
    );
  webhooks
    .command('deliveries')
    .description('What was told, newest first.')
    .argument(...WEBHOOK)
    .option('--status <status>', 'only those: PENDING, DELIVERED or DEAD')
    .option('--limit <n>', 'how many', '20')
    .option('--before <delivery>', 'only older ones than this')
    .action(
      program.running(async (context, id: string, options: DeliveriesOptions) =>
        (await import('../commands/webhook-deliveries.js')).list(context, id, options),
      ),
    );
  webhooks
    .command('redeliver')
    .description('Tell it once more, under the same id, by which the receiver knows it.')
    .argument(...WEBHOOK)
    .argument('<delivery>', 'its id')
    .action(
      program.running(async (context, id: string, delivery: string) =>
        (await import('../commands/webhook-deliveries.js')).redeliver(context, id, delivery),
      ),
    );
}
