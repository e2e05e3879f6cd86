import { activityInfo, cancellationSignal, heartbeat } from 'pegasus-workflows-sdk/activity';
import { dueRecords, renew } from './records.js';

export interface Page {
  /** The night this belongs to: what is due at this moment, as an ISO timestamp. */
  asOf: string;
  /** The last id of the page before; null for the first page. */
  after: string | null;
  size: number;
}

export interface PageResult {
  processed: number;
  /** Where the next page begins; null when this was the last. */
  next: string | null;
}

/**
 * Renews one page of records. After each it tells Temporal how far it came, so that the next attempt, on another
 * worker perhaps, goes on there; and it hears by it that the run was cancelled.
 */
export async function processPage({ asOf, after, size }: Page): Promise<PageResult> {
  const records = await dueRecords(asOf, after, size);
  const alreadyDone = Number(activityInfo().heartbeatDetails ?? 0);
  for (const [index, record] of records.entries()) {
    if (index < alreadyDone) continue;
    cancellationSignal().throwIfAborted();
    await renew(record, `${asOf}/${record.id}`);
    heartbeat(index + 1);
  }
  return { processed: records.length, next: records.length < size ? null : records.at(-1)!.id };
}
