import {
  smsStatusSchema,
  type PutSmsProviderRequest,
  type SmsProviderInfo,
  type SmsStatus,
} from '@pegasus-workflows/contracts';
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { connect } from '../api.js';
import { type Context } from '../context.js';
import { formatTime } from '../output/format.js';
import { withProgress } from '../output/progress.js';
import { renderTable } from '../output/table.js';
import { readLimit } from '../runs/filters.js';
import { confirm } from '../setup/confirm.js';
import { readProviderToken, type TokenSource } from '../setup/provider-token.js';

export interface SendOptions {
  dedupKey?: string;
}

/** `sms send`: one message. */
export async function send(
  context: Context,
  number: string,
  text: string,
  { dedupKey }: SendOptions,
): Promise<void> {
  const { client } = await connect(context);
  const { out } = context;
  const sent = await withProgress(out, 'sending', () =>
    client.sms.send({ to: number, body: text, ...(dedupKey === undefined ? {} : { dedupKey }) }),
  );
  out.result(sent);
  const state = sent.alreadySent ? `was asked for before: ${sent.status}` : sent.status;
  out.line(`message ${sent.id} ${state}`);
}

export interface ListOptions {
  status?: string;
  limit: string;
  before?: string;
}

/** `sms list`: newest first. */
export async function list(context: Context, options: ListOptions): Promise<void> {
  const query = {
    limit: readLimit(options.limit),
    before: options.before,
    status: options.status === undefined ? undefined : readStatus(options.status),
  };
  const { client } = await connect(context);
  const { out } = context;
  const messages = await withProgress(out, 'reading messages', () => client.sms.messages(query));
  out.result(messages);
  if (messages.length === 0) return out.line('No messages.');
  const table = renderTable(
    [
      { title: 'asked for (UTC)', keep: true },
      { title: 'to', keep: true },
      { title: 'status', keep: true },
      { title: 'provider' },
      { title: 'text or reason' },
    ],
    messages.map(({ createdAt, to, status, provider, body, error }) => [
      formatTime(createdAt),
      to,
      status,
      provider,
      error ?? body ?? '',
    ]),
    out.width,
  );
  for (const line of table) out.line(line);
  if (messages.length === query.limit) {
    const status = query.status === undefined ? '' : ` --status ${query.status}`;
    const page = `pegasus-workflows sms list${status} --limit ${query.limit} --before ${messages.at(-1)!.id}`;
    out.note(out.noteColors.quiet(`older ones: ${page}`));
  }
}

function readStatus(text: string): SmsStatus {
  const status = smsStatusSchema.safeParse(text.toUpperCase());
  if (status.success) return status.data;
  throw new PegasusError('VALIDATION_ERROR', `--status: "${text}" is not a status.`, {
    hint: `They are: ${smsStatusSchema.options.join(', ')}.`,
  });
}

/** `sms provider`: who sends. */
export async function provider(context: Context): Promise<void> {
  const { client } = await connect(context);
  const shown = await withProgress(context.out, 'reading the provider', () => client.sms.getProvider());
  context.out.result(shown);
  printProvider(context, shown);
}

export interface ConnectOptions extends TokenSource {
  accountSid?: string;
  sender?: string;
  messagingService?: string;
  apiUrl?: string;
  disabled?: boolean;
}

/** `sms connect`: sets up who sends. */
export async function connectProvider(
  context: Context,
  kind: string,
  options: ConnectOptions,
): Promise<void> {
  const request = await readProvider(context, kind.toUpperCase(), options);
  const { client } = await connect(context);
  const shown = await withProgress(context.out, 'setting up the provider', () =>
    client.sms.putProvider(request),
  );
  context.out.result(shown);
  printProvider(context, shown);
}

async function readProvider(
  context: Context,
  kind: string,
  options: ConnectOptions,
): Promise<PutSmsProviderRequest> {
  const enabled = !options.disabled;
  if (kind === 'LOG') return { kind, enabled };
  if (kind !== 'TWILIO') {
    throw new PegasusError('VALIDATION_ERROR', `"${kind.toLowerCase()}" is not a provider.`, {
      hint: 'They are: twilio and log.',
    });
  }
  const { accountSid, sender, messagingService, apiUrl } = options;
  if (accountSid === undefined) {
    throw new PegasusError('VALIDATION_ERROR', 'Twilio needs --account-sid.', {
      hint: 'It is in the console of Twilio, and begins with AC.',
    });
  }
  if ((sender === undefined) === (messagingService === undefined)) {
    throw new PegasusError('VALIDATION_ERROR', 'Give one of --sender and --messaging-service.');
  }
  const authToken = await readProviderToken(context, options);
  return {
    kind,
    enabled,
    accountSid,
    ...(authToken === undefined ? {} : { authToken }),
    ...(sender === undefined ? {} : { from: sender }),
    ...(messagingService === undefined ? {} : { messagingServiceSid: messagingService }),
    ...(apiUrl === undefined ? {} : { baseUrl: apiUrl }),
  };
}

/** `sms disconnect`: no provider any more. */
export async function disconnectProvider(context: Context, { yes }: { yes?: boolean }): Promise<void> {
  const { client } = await connect(context);
  await confirm(context, 'Remove the provider and its token?', yes);
  await client.sms.deleteProvider();
  context.out.result({ removed: true });
  context.out.line('The provider is removed.');
}

function printProvider({ out }: Context, shown: SmsProviderInfo): void {
  const facts: [string, string | null][] = [
    ['account', shown.accountSid],
    ['sender', shown.from],
    ['service', shown.messagingServiceSid],
    ['address', shown.baseUrl],
    ['set up', shown.source === 'PLATFORM' ? 'by the operator, for tenants without their own' : null],
    ['changed', shown.updatedAt && `${formatTime(shown.updatedAt)} UTC`],
  ];
  out.line(out.colors.strong(`${shown.kind}${shown.enabled ? '' : ' (disabled)'}`));
  if (shown.kind === 'LOG') out.line('Sends nothing; see the messages with: pegasus-workflows sms list');
  for (const [name, value] of facts) if (value) out.line(`${out.colors.quiet(name.padEnd(12))}${value}`);
}

export interface OptOutsOptions {
  limit: string;
  after?: string;
}

/** `sms opt-outs`: who wants none. */
export async function optOuts(context: Context, { limit, after }: OptOutsOptions): Promise<void> {
  const query = { limit: readLimit(limit), after };
  const { client } = await connect(context);
  const { out } = context;
  const numbers = await withProgress(out, 'reading opt-outs', () => client.sms.optOuts(query));
  out.result(numbers);
  if (numbers.length === 0) return out.line('No number has opted out.');
  const columns = [
    { title: 'number', keep: true },
    { title: 'since (UTC)', keep: true },
    { title: 'reason' },
  ];
  const rows = numbers.map(({ number, createdAt, reason }) => [number, formatTime(createdAt), reason ?? '']);
  for (const line of renderTable(columns, rows, out.width)) out.line(line);
  if (numbers.length === query.limit) {
    const page = `pegasus-workflows sms opt-outs --limit ${query.limit} --after ${numbers.at(-1)!.number}`;
    out.note(out.noteColors.quiet(`further ones: ${page}`));
  }
}

/** `sms opt-out`: no more messages to a number. */
export async function optOut(
  context: Context,
  number: string,
  { reason }: { reason?: string },
): Promise<void> {
  const { client } = await connect(context);
  const written = await client.sms.optOut(number, reason === undefined ? {} : { reason });
  context.out.result(written);
  context.out.line(`No more messages to ${written.number}.`);
}

/** `sms opt-in`: messages again. */
export async function optIn(context: Context, number: string): Promise<void> {
  const { client } = await connect(context);
  await client.sms.optIn(number);
  context.out.result({ removed: true });
  context.out.line(`${number} may have messages again.`);
}
