import { Option, type Command } from 'commander';
import type { ConnectOptions, ListOptions, OptOutsOptions, SendOptions } from '../commands/sms.js';
import { type Program } from './program.js';

const NUMBER = ['<number>', 'in E.164, such as +4915112345678'] as const;

/** `sms …`: text messages, who sends them, and who wants none. */
export function addSmsCommands(program: Program): void {
  const sms = program
    .command('sms')
    .description('Text messages: send, list; provider, connect, disconnect; opt-outs, opt-out, opt-in.');
  sms
    .command('send')
    .description('Send one message; with --dedup-key, once however often the command is repeated.')
    .argument(...NUMBER)
    .argument('<text>', 'at most 1000 characters')
    .option('--dedup-key <key>', 'what names this message, such as the id of what it is about')
    .action(
      program.running(async (context, number: string, text: string, options: SendOptions) =>
        (await import('../commands/sms.js')).send(context, number, text, options),
      ),
    );
  sms
    .command('list')
    .description('Messages that were asked for, newest first, and what became of them.')
    .option('--status <status>', 'only these: SENDING, SENT, FAILED or UNKNOWN')
    .option('--limit <n>', 'how many', '20')
    .option('--before <message>', 'only older ones than this id')
    .action(
      program.running(async (context, options: ListOptions) =>
        (await import('../commands/sms.js')).list(context, options),
      ),
    );
  addProviderCommands(program, sms);
  addOptOutCommands(program, sms);
}

function addProviderCommands(program: Program, sms: Command): void {
  sms
    .command('provider')
    .description('Who sends the messages; its token is never shown.')
    .action(program.running(async (context) => (await import('../commands/sms.js')).provider(context)));
  sms
    .command('connect')
    .description('Set up who sends: twilio, or log, which sends nothing and shows the messages.')
    .argument('<kind>', 'twilio or log')
    .option('--account-sid <sid>', 'account of Twilio')
    .option('--sender <sender>', 'a number of the account, a short code or a sender id')
    .option('--messaging-service <sid>', 'messaging service that picks the sender')
    .option('--api-url <url>', "where the provider's API is, when it is not Twilio's own address")
    .option('--from-env <name>', 'read the auth token from this environment variable')
    .option('--from-file <file>', 'read the auth token from this file')
    .option('--stdin', 'read the auth token from standard input')
    .option('--disabled', 'send nothing until it is enabled')
    .action(
      program.running(async (context, kind: string, options: ConnectOptions) =>
        (await import('../commands/sms.js')).connectProvider(context, kind, options),
      ),
    );
  sms
    .command('disconnect')
    .description('Remove the provider and its token.')
    .addOption(new Option('--yes', 'do not ask'))
    .action(
      program.running(async (context, options: { yes?: boolean }) =>
        (await import('../commands/sms.js')).disconnectProvider(context, options),
      ),
    );
}

function addOptOutCommands(program: Program, sms: Command): void {
  sms
    .command('opt-outs')
    .description('Numbers that want no messages, by number.')
    .option('--limit <n>', 'how many', '100')
    .option('--after <number>', 'only those after this one')
    .action(
      program.running(async (context, options: OptOutsOptions) =>
        (await import('../commands/sms.js')).optOuts(context, options),
      ),
    );
  sms
    .command('opt-out')
    .description('Send no more messages to a number.')
    .argument(...NUMBER)
    .option('--reason <text>', 'why, for whoever asks later')
    .action(
      program.running(async (context, number: string, options: { reason?: string }) =>
        (await import('../commands/sms.js')).optOut(context, number, options),
      ),
    );
  sms
    .command('opt-in')
    .description('Let a number have messages again.')
    .argument(...NUMBER)
    .action(
      program.running(async (context, number: string) =>
        (await import('../commands/sms.js')).optIn(context, number),
      ),
    );
}
