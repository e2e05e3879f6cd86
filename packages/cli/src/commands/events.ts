import { EVENT_LIMITS, type EventDetail, type Replayed } from '@pegasus-workflows/contracts';
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { type PegasusClient } from 'pegasus-workflows-sdk/client';
import { connect } from '../api.js';
import { type Context } from '../context.js';
import { noteNextPage, readPage, type PageOptions } from '../options/page.js';
import { paintStatus } from '../output/describe.js';
import { printFacts } from '../output/facts.js';
import { formatTime } from '../output/format.js';
import { withProgress } from '../output/progress.js';
import { renderTable } from '../output/table.js';
import { readJsonObject } from '../runs/input.js';
import { confirm } from '../setup/confirm.js';

export interface EmitOptions {
  payload?: string;
  idempotencyKey?: string;
}
export interface ListOptions extends PageOptions {
  type?: string;
}
/** One, or all of them. */
export interface PickOptions {
  all?: boolean;
  type?: string;
  yes?: boolean;
}

/** `events emit`: resolves once the event is safely written. */
export async function emit(
  context: Context,
  type: string,
  { payload, idempotencyKey }: EmitOptions,
): Promise<void> {
  const read = await readJsonObject(context, '--payload', payload);
  const { client } = await connect(context);
  const { out } = context;
  const emitted = await withProgress(out, `emitting ${type}`, () =>
    client.events.emit(type, read ?? {}, { idempotencyKey }),
  );
  out.line(
    `${out.colors.good('✓')} ${emitted.eventType} at ${formatTime(emitted.occurredAt)} UTC${emitted.eventId === undefined ? '' : `  ${emitted.eventId}`}`,
  );
  if (emitted.eventId !== undefined)
    out.note(out.noteColors.quiet(`what it started: pegasus-workflows events show ${emitted.eventId}`));
  out.result(emitted);
}

/** `events list`. */
export async function list(context: Context, options: ListOptions): Promise<void> {
  const page = readPage(options);
  const { client } = await connect(context);
  const { out } = context;
  const events = await withProgress(out, 'reading events', () =>
    client.events.list({ ...page, ...(options.type === undefined ? {} : { type: options.type }) }),
  );
  out.result(events);
  if (events.length === 0) {
    out.line(options.type === undefined ? 'No events yet.' : `No events of type ${options.type} yet.`);
    return;
  }
  const table = renderTable(
    [
      { title: 'event', keep: true },
      { title: 'type', keep: true },
      { title: 'occurred (UTC)' },
      { title: 'from' },
      { title: 'payload' },
    ],
    events.map((event) => [
      event.id,
      event.eventType,
      formatTime(event.occurredAt),
      event.source,
      JSON.stringify(event.payload),
    ]),
    out.width,
  );
  for (const line of table) out.line(line);
  noteNextPage(context, 'events list', events, options, { type: options.type });
}

/** `events show`. */
export async function show(context: Context, eventId: string): Promise<void> {
  const { client } = await connect(context);
  const { out } = context;
  const event = await withProgress(out, 'reading the event', () => client.events.get(eventId));
  printFacts(out, `${event.eventType}  ${event.id}`, [
    ['occurred', `${formatTime(event.occurredAt)} UTC`],
    ['from', event.source],
    ['payload', JSON.stringify(event.payload, null, 2)],
    ['dispatch', dispatchOf(event)],
    ['reason', event.dispatch.lastError],
  ]);
  out.line();
  if (event.deliveries.length === 0) out.line(out.colors.quiet('It has started no run.'));
  else
    for (const line of renderTable(
      [{ title: 'run', keep: true }, { title: 'status' }, { title: 'trigger', keep: true }],
      event.deliveries.map(({ executionId, status, triggerId }) => [
        executionId,
        paintStatus(status, out.colors),
        triggerId,
      ]),
      out.width,
    ))
      out.line(line);
  if (event.dispatch.status === 'DEAD')
    out.note(out.noteColors.quiet(`try again: pegasus-workflows events replay ${event.id}`));
  out.result(event);
}

function dispatchOf({ dispatch: { status, attempts } }: EventDetail): string {
  if (status === 'DISPATCHED') return 'done: every trigger that wants it has started its run';
  if (status === 'DEAD') return `given up after ${attempts} attempts`;
  return attempts === 0 ? 'under way' : `under way, after ${attempts} attempts`;
}

/** `events dead-letters`. */
export async function deadLetters(context: Context, options: PageOptions): Promise<void> {
  const page = readPage(options);
  const { client } = await connect(context);
  const { out } = context;
  const letters = await withProgress(out, 'reading dead letters', () => client.events.deadLetters.list(page));
  out.result(letters);
  if (letters.length === 0) {
    out.line('No dead letters: every event has started its runs, or is still being tried.');
    return;
  }
  const table = renderTable(
    [
      { title: 'event', keep: true },
      { title: 'type', keep: true },
      { title: 'given up (UTC)' },
      { title: 'attempts', align: 'right' },
      { title: 'reason' },
    ],
    letters.map(({ id, eventType, deadAt, attempts, reason }) => [
      id,
      eventType,
      formatTime(deadAt),
      String(attempts),
      reason,
    ]),
    out.width,
  );
  for (const line of table) out.line(line);
  noteNextPage(context, 'events dead-letters', letters, options);
}

/** `events replay`: one, or all of them, however many calls that takes. */
export async function replay(
  context: Context,
  eventId: string | undefined,
  options: PickOptions,
): Promise<void> {
  const one = requireOne(eventId, options);
  const { client } = await connect(context);
  const { out } = context;
  const replayed = await withProgress(out, 'replaying', () =>
    one === undefined ? replayAll(client, options.type) : client.events.deadLetters.replay(one),
  );
  out.line(
    replayed.replayed === 0
      ? 'There is nothing to replay.'
      : `${out.colors.good('✓')} ${counted(replayed.replayed)} begun anew; only missing runs are started.`,
  );
  out.result(replayed);
}

async function replayAll(client: PegasusClient, type: string | undefined): Promise<Replayed> {
  let replayed = 0;
  for (;;) {
    const answer = await client.events.deadLetters.replayAll(type === undefined ? {} : { type });
    replayed += answer.replayed;
    // What is given up again meanwhile would make this endless.
    if (answer.remaining === 0 || answer.replayed < EVENT_LIMITS.replayAtOnce)
      return { replayed, remaining: answer.remaining };
  }
}

/** `events discard`: one, or all of them. */
export async function discard(
  context: Context,
  eventId: string | undefined,
  options: PickOptions,
): Promise<void> {
  const one = requireOne(eventId, options);
  const { client } = await connect(context);
  const { out } = context;
  const what = one ?? (options.type === undefined ? 'every dead letter' : `those of type ${options.type}`);
  await confirm(context, `Discard ${what}? What they have not started is never started.`, options.yes);
  const ids = one === undefined ? await deadIds(client, options.type) : [one];
  await withProgress(out, 'discarding', async (update) => {
    for (const [index, id] of ids.entries()) {
      await client.events.deadLetters.discard(id);
      update(`${index + 1} of ${ids.length}`);
    }
  });
  out.line(
    ids.length === 0
      ? 'There is nothing to discard.'
      : `${out.colors.good('✓')} ${counted(ids.length)} discarded; the events themselves stay.`,
  );
  out.result({ discarded: ids.length });
}

async function deadIds(client: PegasusClient, type: string | undefined): Promise<string[]> {
  const ids: string[] = [];
  for (let before: string | undefined; ;) {
    const page = await client.events.deadLetters.list({ limit: 200, ...(before ? { before } : {}) });
    ids.push(...page.filter(({ eventType }) => type === undefined || eventType === type).map(({ id }) => id));
    before = page.at(-1)?.id;
    if (page.length < 200) return ids;
  }
}

/** @returns undefined for all @throws PegasusError VALIDATION_ERROR unless exactly one of the two was said */
function requireOne(eventId: string | undefined, { all, type }: PickOptions): string | undefined {
  if ((eventId === undefined) === (all !== true))
    throw new PegasusError('VALIDATION_ERROR', 'Give the id of an event, or --all: one of the two.', {
      hint: 'List them: pegasus-workflows events dead-letters',
    });
  if (type !== undefined && !all) throw new PegasusError('VALIDATION_ERROR', '--type goes with --all.');
  return eventId;
}

function counted(n: number): string {
  return n === 1 ? '1 dead letter' : `${n} dead letters`;
}
