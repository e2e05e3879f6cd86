import {
  AGENT_MESSAGE_TYPES,
  TERMINAL_STATUSES,
  type AgentMessageType,
  type ExecutionStatus,
  type Webhook,
} from '@pegasus-workflows/contracts';
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { connect } from '../api.js';
import { type Context } from '../context.js';
import { readSpan } from '../options/span.js';
import { given, switched, type SwitchOptions } from '../options/switched.js';
import { printFacts } from '../output/facts.js';
import { formatTime } from '../output/format.js';
import { withProgress } from '../output/progress.js';
import { renderTable } from '../output/table.js';
import { readStatuses } from '../runs/filters.js';
import { confirm } from '../setup/confirm.js';
import { keepSecret, printKept, type SecretOptions } from '../setup/secret-once.js';

interface WebhookFields {
  on?: string;
  workflow?: string;
  description?: string;
}
export interface CreateWebhookOptions extends WebhookFields, SecretOptions {
  on: string;
  disabled?: boolean;
}
export interface ChangeWebhookOptions extends WebhookFields, SwitchOptions {
  url?: string;
}
export interface RotateWebhookOptions extends SecretOptions {
  overlap?: string;
}

/** `webhooks list`. */
export async function list(context: Context): Promise<void> {
  const { client } = await connect(context);
  const { out } = context;
  const all = await withProgress(out, 'reading webhooks', () => client.webhooks.list());
  out.result(all);
  if (all.length === 0) {
    out.line('Nobody is told how runs end. Begin: pegasus-workflows webhooks create <url> --on FAILED');
    return;
  }
  const table = renderTable(
    [
      { title: 'webhook', keep: true },
      { title: 'url' },
      { title: 'on' },
      { title: 'workflow' },
      { title: 'state' },
    ],
    all.map((webhook) => [
      webhook.id,
      webhook.url,
      toldOf(webhook),
      webhook.workflowName ?? 'every one',
      webhook.enabled ? 'enabled' : 'disabled',
    ]),
    out.width,
  );
  for (const line of table) out.line(line);
}

/** `webhooks show`. */
export async function show(context: Context, id: string): Promise<void> {
  const { client } = await connect(context);
  const webhook = await withProgress(context.out, 'reading the webhook', () => client.webhooks.get(id));
  print(context, webhook);
  context.out.result(webhook);
}

/** `webhooks create`. */
export async function create(context: Context, url: string, options: CreateWebhookOptions): Promise<void> {
  const request = {
    url,
    ...readTold(options.on),
    ...given({ workflowName: options.workflow, description: options.description }),
    ...(options.disabled ? { enabled: false } : {}),
  };
  const { client } = await connect(context);
  const { made, kept } = await keepSecret(context, options, () => client.webhooks.create(request));
  print(context, made);
  printKept(context, kept);
  context.out.note(context.out.noteColors.quiet(`try it: pegasus-workflows webhooks test ${made.id}`));
  context.out.result({ ...made, ...kept });
}

/** `webhooks update`. */
export async function update(context: Context, id: string, options: ChangeWebhookOptions): Promise<void> {
  const { url, on, workflow, description } = options;
  const change = {
    ...given({
      url,
      workflowName: workflow === '' ? null : workflow,
      description: description === '' ? null : description,
    }),
    ...(on === undefined ? {} : readTold(on)),
    ...switched(options),
  };
  if (Object.keys(change).length === 0)
    throw new PegasusError('VALIDATION_ERROR', 'Nothing to change was given.', {
      hint: 'Give --url, --on, --workflow, --description, --enable or --disable.',
    });
  const { client } = await connect(context);
  const changed = await client.webhooks.update(id, change);
  print(context, changed);
  context.out.result(changed);
}

/** `webhooks rotate`. */
export async function rotate(context: Context, id: string, options: RotateWebhookOptions): Promise<void> {
  const request =
    options.overlap === undefined ? {} : { overlapSeconds: readSpan('--overlap', options.overlap) };
  const { client } = await connect(context);
  const { made, kept } = await keepSecret(context, options, () => client.webhooks.rotateSecret(id, request));
  print(context, made);
  printKept(context, kept);
  context.out.result({ ...made, ...kept });
}

/** `webhooks delete`. */
export async function remove(context: Context, id: string, options: { yes?: boolean }): Promise<void> {
  const { client } = await connect(context);
  await confirm(context, `Delete the webhook ${id}, and what it has not told yet?`, options.yes);
  await client.webhooks.delete(id);
  context.out.line(`${context.out.colors.good('✓')} the webhook is deleted.`);
  context.out.result({ deleted: id });
}

type End = (typeof TERMINAL_STATUSES)[number];

/** `--on`: all that is told. @throws PegasusError VALIDATION_ERROR for what is none of it */
function readTold(text: string): { statuses: End[]; events: AgentMessageType[] } {
  const words = text.split(',').map((word) => word.trim());
  const events = AGENT_MESSAGE_TYPES.filter((type) => words.some((word) => word.toLowerCase() === type));
  const ends = words.filter((word) => !AGENT_MESSAGE_TYPES.some((type) => type === word.toLowerCase()));
  if (ends.length === 0) return { statuses: [], events };
  if (ends.some((word) => word.toLowerCase() === 'all')) return { statuses: [...TERMINAL_STATUSES], events };
  const statuses = readStatuses(ends.join(','), '--on').map((status) => {
    if (isEnd(status)) return status;
    throw new PegasusError('VALIDATION_ERROR', `--on: a run does not end as ${status}.`, {
      hint: `Ends are: ${TERMINAL_STATUSES.join(', ')}; of coding agents: ${AGENT_MESSAGE_TYPES.join(', ')}.`,
    });
  });
  return { statuses, events };
}

function toldOf({ statuses, events }: Webhook): string {
  return [...statuses, ...events].join(', ');
}

function isEnd(status: ExecutionStatus): status is End {
  return TERMINAL_STATUSES.some((end) => end === status);
}

function print({ out }: Context, webhook: Webhook): void {
  const off = webhook.disabledReason === null ? 'disabled' : `disabled: ${webhook.disabledReason}`;
  printFacts(out, webhook.url, [
    ['webhook', webhook.id],
    ['description', webhook.description],
    ['on', toldOf(webhook)],
    ['workflow', webhook.workflowName ?? 'every one'],
    ['state', webhook.enabled ? 'enabled' : off],
    [
      'old one until',
      webhook.previousSecretExpiresAt && `${formatTime(webhook.previousSecretExpiresAt)} UTC`,
    ],
  ]);
}
