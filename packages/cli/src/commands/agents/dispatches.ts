import {
  DISPATCH_STATES,
  type Dispatch,
  type DispatchEvent,
  type DispatchSummary,
} from '@pegasus-workflows/contracts';
import { AGENT_ROLES } from '@pegasus-workflows/contracts/agents';
import { type PegasusClient } from 'pegasus-workflows-sdk/client';
import { connect } from '../../api.js';
import { type Context } from '../../context.js';
import { EXIT } from '../../exit-codes.js';
import { noteNextPage, readPage, type PageOptions } from '../../options/page.js';
import { given } from '../../options/switched.js';
import { formatTime } from '../../output/format.js';
import { printableWords } from '../../output/printable.js';
import { withProgress } from '../../output/progress.js';
import { describeError } from '../../output/report-error.js';
import { renderTable } from '../../output/table.js';
import { finishFollowed, followDispatch } from './follow.js';
import { eventLine, paintState, printDispatch } from './print.js';
import { readWord } from './words.js';

export interface ListAgentsOptions extends PageOptions {
  state?: string;
  role?: string;
  workspace?: string;
}

/** `agents list`. */
export async function list(context: Context, options: ListAgentsOptions): Promise<void> {
  const { state, role, workspace } = options;
  const query = {
    ...readPage(options),
    ...given({
      state: state === undefined ? undefined : readWord('--state', state, DISPATCH_STATES),
      role: role === undefined ? undefined : readWord('--role', role, AGENT_ROLES),
      workspace,
    }),
  };
  const { client } = await connect(context);
  const { out } = context;
  const rows = await withProgress(out, 'reading dispatches', () => client.agents.list(query));
  out.result(rows);
  if (rows.length === 0) {
    out.line('No dispatches. Begin: pegasus-workflows agents run --role coder "…"');
    return;
  }
  for (const line of tableOf(context, rows)) out.line(line);
  noteNextPage(context, 'agents list', rows, options, { state, role, workspace });
}

function tableOf({ out }: Context, rows: readonly DispatchSummary[]): string[] {
  return renderTable(
    [
      { title: 'dispatch', keep: true },
      { title: 'state', keep: true },
      { title: 'role', keep: true },
      { title: 'workspace' },
      { title: 'queued (UTC)' },
      { title: 'task' },
    ],
    rows.map((row) => [
      row.id,
      paintState(row, out.colors),
      row.role,
      row.workspace,
      formatTime(row.queuedAt),
      printableWords(row.title),
    ]),
    out.width,
  );
}

/** `agents show`. */
export async function show(context: Context, dispatchId: string): Promise<void> {
  const { client } = await connect(context);
  const dispatch = await withProgress(context.out, 'reading the dispatch', () =>
    client.agents.get(dispatchId),
  );
  printDispatch(context.out, dispatch);
  context.out.result(dispatch);
}

/**
 * `agents watch`: until it ends. With `--json` each event and each change of the dispatch is a document on a line.
 * @returns the exit code: 0 when it shipped
 */
export async function watch(context: Context, dispatchId: string): Promise<number> {
  const { client } = await connect(context);
  const { out } = context;
  const dispatch = await client.agents.get(dispatchId);
  out.line(out.colors.quiet(`${dispatch.task.role} in ${dispatch.workspace}  dispatch ${dispatch.id}`));
  if (!out.json) return finishFollowed(context, await followDispatch(context, client, dispatch));
  return watchAsLines(context, client, dispatch);
}

async function watchAsLines(context: Context, client: PegasusClient, dispatch: Dispatch): Promise<number> {
  const { out } = context;
  try {
    const followed = await followDispatch(context, client, dispatch, {
      tell: ({ id: _place, ...watched }) => out.row(watched),
    });
    return finishFollowed(context, followed);
  } catch (error) {
    // What was told before is one document a line, and so is this.
    const { report, exitCode } = describeError(error);
    out.row(report);
    return exitCode;
  }
}

/** At most so many at a time; the server's own limit. */
const PAGE = 1_000;

/**
 * `agents logs`: what the agent has told, oldest first. With `--json`, all of it as one list.
 * @returns the exit code
 */
export async function logs(
  context: Context,
  dispatchId: string,
  { follow }: { follow?: boolean },
): Promise<number> {
  const { client } = await connect(context);
  const { out } = context;
  const shown: DispatchEvent[] = [];
  const show = (event: DispatchEvent): void => {
    shown.push(event);
    out.line(eventLine(event, out.colors));
  };
  const dispatch = await withProgress(out, 'reading the dispatch', () => client.agents.get(dispatchId));
  let code: number = EXIT.done;
  if (follow) {
    const { how } = await followDispatch(context, client, dispatch, {
      tell: (watched) => watched.type === 'event' && show({ n: watched.n, event: watched.event }),
    });
    if (how === 'interrupted') code = EXIT.interrupted;
  } else await readEvents(client, dispatchId, show);
  if (shown.length === 0) out.line('It has told nothing yet.');
  if (!follow && dispatch.state !== 'ENDED')
    out.note(out.noteColors.quiet('It is still under way: --follow goes on with it.'));
  out.result(shown);
  return code;
}

async function readEvents(
  client: PegasusClient,
  dispatchId: string,
  show: (event: DispatchEvent) => void,
): Promise<void> {
  for (let after = 0; ;) {
    const events = await client.agents.events(dispatchId, { after, limit: PAGE });
    for (const event of events) show(event);
    const last = events.at(-1);
    if (!last) return;
    after = last.n;
  }
}
