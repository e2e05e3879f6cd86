import { type ExecutionChange, type ExecutionStatus } from '@pegasus-workflows/contracts';
import { toExecution, type ExecutionRow } from '../executions/row.js';
import { compareCursors, cursorText, type Change, type ChangeCursor, type ChangeReader } from './changes.js';
import { PAGE, type ChangeFeed, type Wants } from './feed.js';
import { type LiveEvent } from './sse.js';

/**
 * Job: the events of a tenant's stream, from a cursor on.
 *
 * Boundary: reads the database by itself until it has caught up, then takes what the feed offers; when that is too much
 * at once, it reads by itself again. So what it holds is bounded, and nothing is missed between the two.
 *
 * Invariants
 * 1. Ids ascend, and whoever goes on from the last id they have seen misses no execution's last state.
 * 2. What is held for a reader is at most a page, and what the feed holds for one subscriber.
 */
export interface TenantStream {
  tenantId: string;
  /** Where the client is; undefined: it wants what happens from now on. */
  from: ChangeCursor | undefined;
  filter: { workflowId?: string | undefined; status?: readonly ExecutionStatus[] | undefined };
  signal: AbortSignal;
  /** How often a client whose filter lets nothing through is told where to go on from. */
  markMs: number;
}

export async function* tenantEvents(
  { reader, feed }: { reader: ChangeReader; feed: ChangeFeed },
  { tenantId, from, filter, signal, markMs }: TenantStream,
): AsyncGenerator<LiveEvent, void> {
  const wants: Wants = ({ workflowId, status }) =>
    (filter.workflowId === undefined || workflowId === filter.workflowId) &&
    (filter.status === undefined || filter.status.includes(status));
  const now = await reader.now();
  const isElsewhere = from !== undefined && BigInt(from.xid) >= BigInt(now.next);
  let at = from === undefined || isElsewhere ? now.cursor : from;
  if (isElsewhere) yield { id: cursorText(at), event: 'restarted', data: {} };
  while (!signal.aborted) {
    for (let isMore = true; isMore && !signal.aborted;) {
      const page = (await reader.after(new Map([[tenantId, at]]), PAGE)).get(tenantId) ?? [];
      for (const change of page) if (wants(change.row)) yield eventOf(change);
      at = page.at(-1)?.cursor ?? at;
      isMore = page.length === PAGE;
    }
    yield { id: cursorText(at), event: 'ready', data: {} };
    const subscription = feed.join(tenantId, at, wants);
    try {
      while (!signal.aborted) {
        const changes = await subscription.next(markMs, signal);
        if (changes === 'lagging') break;
        for (const change of changes) {
          yield eventOf(change);
          at = change.cursor;
        }
        if (changes.length > 0 || compareCursors(subscription.cursor, at) <= 0) continue;
        at = subscription.cursor;
        yield { id: cursorText(at), event: 'ready', data: {} };
      }
    } finally {
      feed.leave(tenantId, subscription);
    }
  }
}

function eventOf({ cursor, row }: Change): LiveEvent {
  return { id: cursorText(cursor), event: 'execution', data: changeOf(row) };
}

function changeOf(row: ExecutionRow): ExecutionChange {
  const { input: _input, result: _result, ...change } = toExecution(row);
  return change;
}
