/**
 * Job: logs of runs as their readers see them.
 *
 * Invariants
 * 1. Entries come in the order of their numbers.
 * 2. Where some were left out, an entry of the platform's own says how many.
 */
import { LIMITS, LOG_LEVELS, type Log } from '@pegasus-workflows/contracts';
import { type Logger } from '@pegasus-workflows/kit';
import { type Database } from '../infra/database.js';
import { LogFeed } from './feed.js';
import { gapOf, page, type Gap, type LogRow, type LogStream, type PageOf } from './store.js';

/** Which page is wanted; `after` is the id of an entry. */
export type LogQuery = Omit<PageOf, 'after'> & { after?: string | undefined };

export class LogReader {
  /** Tells who follows a log that there may be news. */
  readonly feed: LogFeed;
  readonly #db: Database;

  constructor({ db, logger }: { db: Database; logger: Logger }) {
    this.#db = db;
    this.feed = new LogFeed(db, logger);
  }

  /** At most `limit` entries, one of which may stand for those that were left out. */
  async page(stream: LogStream, { after, ...query }: LogQuery): Promise<Log[]> {
    const from = Number(after ?? 0);
    const { rows, gap } = await this.#db.tenant(stream.tenantId, async (tx) => ({
      rows: await page(tx, stream, { ...query, after: from }),
      gap: await gapOf(tx, stream),
    }));
    const logs = rows.map(logOf);
    if (!gap || gap.until <= from) return logs;
    const next = rows.findIndex(({ number }) => number > gap.until);
    const isLater = next === -1 && rows.length === query.limit;
    // The time of what follows is the time of what is missing, as far as anybody knows.
    const following = rows[next];
    if (isLater || !following) return logs;
    logs.splice(next, 0, gapEntry(gap, stream, following));
    return logs.slice(0, query.limit);
  }
}

function logOf(row: LogRow): Log {
  const { attributes, activityType, activityId, attempt, runId, childWorkflowId } = row;
  return {
    id: String(row.number),
    at: row.at.toISOString(),
    level: LOG_LEVELS[row.level] ?? 'info',
    message: row.message,
    source: row.source,
    ...(attributes ? { attributes } : {}),
    ...(activityType === null ? {} : { activityType }),
    ...(activityId === null ? {} : { activityId }),
    ...(attempt === null ? {} : { attempt }),
    ...(runId === null ? {} : { runId }),
    ...(childWorkflowId === null ? {} : { childWorkflowId }),
    ...(row.truncated ? { truncated: true } : {}),
  };
}

function gapEntry({ until, count }: Gap, { executionId }: LogStream, { at }: LogRow): Log {
  const kept =
    executionId === null
      ? `the last ${LIMITS.logLastEntries}`
      : `at most the first ${LIMITS.logFirstEntries} and the last ${LIMITS.logLastEntries}`;
  return {
    id: String(until),
    at: at.toISOString(),
    level: 'warn',
    message: `${count} entries were left out here: ${kept} are kept.`,
    source: 'platform',
  };
}
