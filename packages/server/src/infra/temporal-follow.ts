import { type temporal } from '@temporalio/proto';
import { HistoryFlattener, nextRunOf } from './temporal-events.js';
import { describeRun } from './temporal-histories.js';
import { makeFailuresReadable } from './temporal-payloads.js';
import { isNotFound, toTemporalError, type TemporalRpc } from './temporal-rpc.js';
import { TEMPORAL_DEADLINES, type FollowOptions, type RunEvents } from './temporal.js';

type IHistoryEvent = temporal.api.history.v1.IHistoryEvent;

/** See `TemporalPort.followHistory`. */
export async function* followHistory(
  rpc: TemporalRpc,
  workflowId: string,
  { signal, runId: first, afterEventId = 0 }: FollowOptions,
): AsyncGenerator<RunEvents, void> {
  try {
    const converter = rpc.payloads.shown(workflowId);
    let runId = first ?? (await newestRun(rpc, workflowId));
    for (let after = afterEventId; runId !== undefined && !signal.aborted; after = 0) {
      let last: IHistoryEvent | undefined;
      const flattener = new HistoryFlattener();
      for await (const page of pagesAsTheyCome(rpc, workflowId, runId, signal)) {
        last = page.at(-1) ?? last;
        await makeFailuresReadable(converter, page);
        // Earlier events are needed for the names of those that answer them.
        const events = flattener.add(page).filter(({ id }) => Number(id) > after);
        if (events.length > 0) yield { runId, events };
      }
      runId = last && (nextRunOf(last) ?? (await resetTo(rpc, workflowId, runId, last)));
    }
  } catch (error) {
    if (signal.aborted || isNotFound(error)) return;
    throw toTemporalError(error);
  }
}

async function newestRun(rpc: TemporalRpc, workflowId: string): Promise<string | undefined> {
  const { workflowExecutionInfo: info } = await describeRun(rpc, workflowId);
  return info?.execution?.runId || undefined;
}

/** A reset terminates its run. Ids are not used twice, so a newer run of the same id can only come from one. */
async function resetTo(
  rpc: TemporalRpc,
  workflowId: string,
  runId: string,
  event: IHistoryEvent,
): Promise<string | undefined> {
  if (!event.workflowExecutionTerminatedEventAttributes) return undefined;
  const newest = await newestRun(rpc, workflowId);
  return newest === runId ? undefined : newest;
}

/** A run's events until it has closed; Temporal answers an idle wait with an empty page. */
async function* pagesAsTheyCome(
  rpc: TemporalRpc,
  workflowId: string,
  runId: string,
  signal: AbortSignal,
): AsyncGenerator<IHistoryEvent[]> {
  let nextPageToken: Uint8Array = new Uint8Array();
  do {
    const ask = () =>
      rpc.service.getWorkflowExecutionHistory({
        namespace: rpc.namespace,
        execution: { workflowId, runId },
        nextPageToken,
        waitNewEvent: true,
        skipArchival: true,
      });
    // A signal of its own for each call: Temporal's client leaves a listener on the one it is given.
    const response = await rpc.call(TEMPORAL_DEADLINES.longPoll, ask, AbortSignal.any([signal]));
    yield response.history?.events ?? [];
    nextPageToken = response.nextPageToken ?? new Uint8Array();
  } while (nextPageToken.length > 0);
}
