import { deliveryStatusSchema, type WebhookDelivery } from '@pegasus-workflows/contracts';
import { connect } from '../api.js';
import { type Context } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { noteNextPage, readPage, type PageOptions } from '../options/page.js';
import { requireShape } from '../options/shaped-json.js';
import { type Palette } from '../output/colors.js';
import { printFacts } from '../output/facts.js';
import { formatDuration, formatTime } from '../output/format.js';
import { withProgress } from '../output/progress.js';
import { renderTable } from '../output/table.js';

export interface DeliveriesOptions extends PageOptions {
  status?: string;
}

/** `webhooks test`. @returns 1 when the receiver did not take it */
export async function test(context: Context, webhookId: string): Promise<number> {
  const { client } = await connect(context);
  const { out } = context;
  const tried = await withProgress(out, 'calling the receiver', () => client.webhooks.test(webhookId));
  const took = formatDuration(tried.durationMs);
  if (tried.delivered)
    out.line(
      `${out.colors.good('✓')} taken by the receiver, which answered ${tried.responseStatus}, in ${took}`,
    );
  else out.line(`${out.colors.bad('✗')} not taken, after ${took}: ${tried.error ?? 'no reason is known'}`);
  out.result(tried);
  return tried.delivered ? EXIT.done : EXIT.failed;
}

/** `webhooks deliveries`. */
export async function list(context: Context, webhookId: string, options: DeliveriesOptions): Promise<void> {
  const page = readPage(options);
  const status =
    options.status === undefined
      ? undefined
      : requireShape('--status', options.status.toUpperCase(), deliveryStatusSchema);
  const { client } = await connect(context);
  const { out } = context;
  const rows = await withProgress(out, 'reading deliveries', () =>
    client.webhooks.deliveries(webhookId, { ...page, ...(status === undefined ? {} : { status }) }),
  );
  out.result(rows);
  if (rows.length === 0) {
    out.line(status === undefined ? 'Nothing has been told yet.' : `None of them is ${status}.`);
    return;
  }
  const table = renderTable(
    [
      { title: 'delivery', keep: true },
      { title: 'status' },
      { title: 'run', keep: true },
      { title: 'made (UTC)' },
      { title: 'attempts', align: 'right' },
      { title: 'last answer' },
    ],
    rows.map((row) => [
      row.id,
      paint(row.status, out.colors),
      row.executionId ?? row.dispatchId ?? '',
      formatTime(row.createdAt),
      String(row.attempts),
      row.lastError ?? String(row.responseStatus ?? ''),
    ]),
    out.width,
  );
  for (const line of table) out.line(line);
  noteNextPage(context, `webhooks deliveries ${webhookId}`, rows, options, { status: options.status });
}

/** `webhooks redeliver`. */
export async function redeliver(context: Context, webhookId: string, deliveryId: string): Promise<void> {
  const { client } = await connect(context);
  const { out } = context;
  const delivery = await client.webhooks.redeliver(webhookId, deliveryId);
  printFacts(out, `${delivery.status} ${delivery.id}`, [
    ['run', delivery.executionId],
    ['next attempt', delivery.nextAttemptAt && `${formatTime(delivery.nextAttemptAt)} UTC`],
  ]);
  out.note(out.noteColors.quiet(`what became of it: pegasus-workflows webhooks deliveries ${webhookId}`));
  out.result(delivery);
}

function paint(status: WebhookDelivery['status'], colors: Palette): string {
  if (status === 'DELIVERED') return colors.good(status);
  return status === 'DEAD' ? colors.bad(status) : colors.command(status);
}
