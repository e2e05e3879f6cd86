import { type Database } from '../infra/database.js';
import { type Wakeups } from '../infra/wakeups.js';
import { type LiveEvent } from '../live/sse.js';
import { toDispatch, type DispatchRow } from './row.js';
import { getDispatch, listEvents } from './store.js';

/**
 * Job: the events of a dispatch's stream: the dispatch as it changes, and its wire events as they come.
 *
 * Boundary: reads the row and its events together, whenever this process has written something about the dispatch, and
 * every {@link LOOK_AGAIN_MS} for what another server has written. Hosts report in order; an event that comes after one of
 * a later place was told is on the pages of events alone.
 *
 * Invariants
 * 1. Every event is told once, in order of its place; whoever goes on from the last id they have seen misses none.
 * 2. The last thing told is the dispatch that has ended; all of its events were told before.
 * 3. The dispatch is told at first and whenever its state, question or result has changed, as it is then.
 */
export interface DispatchPlace {
  /** Place of the last event that was told. */
  n: number;
  /** The end was told too. */
  hasEnded: boolean;
}

const LOOK_AGAIN_MS = 1_000;
const PAGE = 200;
const PLACE = /^(\d{1,15})(\/ended)?$/;

/** `<place>`, of the last of all `<place>/ended`; undefined when the text is neither. */
export function parseDispatchPlace(text: string): DispatchPlace | undefined {
  const [, n, ended] = PLACE.exec(text) ?? [];
  return n === undefined ? undefined : { n: Number(n), hasEnded: ended !== undefined };
}

export interface DispatchStream {
  tenantId: string;
  id: string;
  from: DispatchPlace | undefined;
  signal: AbortSignal;
}

export async function* dispatchEvents(
  { db, wakeups }: { db: Database; wakeups: Wakeups },
  { tenantId, id, from, signal }: DispatchStream,
): AsyncGenerator<LiveEvent, void> {
  let last = from?.n ?? 0;
  let told = 0;
  const read = (): Promise<{ row: DispatchRow; events: Awaited<ReturnType<typeof listEvents>> }> =>
    db.tenant(tenantId, async (tx) => {
      // The row first: whatever it says has happened is among the events that are read after it.
      const row = await getDispatch(tx, tenantId, id);
      return { row, events: await listEvents(tx, id, { after: last, limit: PAGE }) };
    });
  while (!signal.aborted) {
    const woken = wakeups.next(id, LOOK_AGAIN_MS, signal);
    const { row, events } = await read();
    if (row.state !== 'ENDED' && row.changes !== told) {
      told = row.changes;
      yield { id: String(last), event: 'dispatch', data: toDispatch(row) };
    }
    for (const event of events) {
      last = event.n;
      yield { id: String(last), event: 'event', data: event };
    }
    if (events.length === PAGE) continue;
    if (row.state === 'ENDED') {
      yield { id: `${last}/ended`, event: 'dispatch', data: toDispatch(row) };
      return;
    }
    await woken;
  }
}
