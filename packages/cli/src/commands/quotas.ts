import { connect } from '../api.js';
import { type Context } from '../context.js';
import { formatBytes } from '../output/format.js';
import { withProgress } from '../output/progress.js';
import { renderTable } from '../output/table.js';

/** `quotas`: the tenant's limits, and how much of each is used. */
export async function quotas(context: Context): Promise<void> {
  const { client } = await connect(context);
  const { out } = context;
  const use = await withProgress(out, 'reading quotas', () => client.quotas());
  out.result(use);
  const { openExecutions, executionsToday, startsPerSecond, payloadBytes, storageBytes } = use;
  const bytes = (value: number | null): string => (value === null ? 'none' : formatBytes(value));
  const rows = [
    ['open runs', String(openExecutions.used), String(openExecutions.limit)],
    ['runs today', String(executionsToday.used), String(executionsToday.limit)],
    ...(startsPerSecond ? [['starts a second', '', String(startsPerSecond.limit)]] : []),
    ['payload', '', bytes(payloadBytes.limit)],
    ['storage', bytes(storageBytes.used), bytes(storageBytes.limit)],
    ['  artifacts', bytes(storageBytes.artifacts), ''],
    ['  uploads', bytes(storageBytes.uploads), ''],
    ['  stored values', bytes(storageBytes.storedValues), ''],
    ['  projections', bytes(storageBytes.projections), ''],
    ['  integrations', bytes(storageBytes.integrations ?? 0), ''],
    ['  payloads', bytes(storageBytes.payloads), ''],
  ];
  const columns = [
    { title: 'of', keep: true },
    { title: 'used', align: 'right' as const, keep: true },
    { title: 'limit', align: 'right' as const, keep: true },
  ];
  for (const line of renderTable(columns, rows, out.width)) out.line(line);
}
