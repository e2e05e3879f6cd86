import {
  rememberedCommands,
  type CommandKind,
  type ProducedCommand,
  type RememberedCommand,
} from './commands.js';
import { eventTypeOf, type HistoryEvent } from './temporal-events.js';

/** What the history has at the place where the code parts from it. */
export interface Expected {
  eventId: number;
  /** In PascalCase, such as `ActivityTaskScheduled`. */
  eventType: string;
  kind?: CommandKind;
  name?: string;
  id?: string;
}

/** What the local code does there instead. */
export interface Got {
  kind: CommandKind;
  name?: string;
  id?: string;
  /** `order/workflow.ts:41`, when the code's own stack tells. */
  at?: string;
}

/** The first place where the local code and a history part, with both sides. */
export interface Divergence {
  expected: Expected | null;
  /** Null when the code asks for nothing there: it waits, or this part of it is gone. */
  got: Got | null;
  /** Temporal's own sentence. */
  reason: string;
}

/** What the recorder saw of one replay. */
export interface Recording {
  produced: ProducedCommand[];
  /** Stack of the call behind a command, by `<kind> <seq>`. */
  stacks: ReadonlyMap<string, string>;
}

/**
 * Finds both sides of a divergence that Temporal reported. Its message often has one side alone, and no event: the other
 * is found by laying the commands that the code produced beside those that the history remembers.
 *
 * @param recording undefined when the replay could not be recorded; then there is only what the message says
 */
export function explainDivergence(
  events: readonly HistoryEvent[],
  reason: string,
  recording: Recording | undefined,
): Divergence {
  const named = eventOfMessage(events, reason);
  if (!recording) return { expected: named ?? null, got: null, reason };
  const remembered = rememberedCommands(events);
  const index = firstDifference(remembered, recording.produced);
  const expected = remembered[index];
  const produced = recording.produced[index];
  if (!expected && !produced) return { expected: named ?? null, got: null, reason };
  return {
    expected: expected ? toExpected(expected) : (named ?? null),
    got: produced ? toGot(produced, recording) : null,
    reason,
  };
}

function firstDifference(
  remembered: readonly RememberedCommand[],
  produced: readonly ProducedCommand[],
): number {
  let index = 0;
  while (index < remembered.length && same(remembered[index], produced[index])) index++;
  return index;
}

function same(remembered: RememberedCommand | undefined, produced: ProducedCommand | undefined): boolean {
  if (!remembered || !produced || remembered.kind !== produced.kind) return false;
  // How a run fails may be worded anew; that it fails is what counts. Temporal compares no more than that, either.
  if (remembered.kind === 'failure') return true;
  if (remembered.kind === 'child workflow' && remembered.id !== produced.id) return false;
  return remembered.name === produced.name;
}

function toExpected({ eventId, eventType, kind, name, id }: RememberedCommand): Expected {
  return {
    eventId,
    eventType,
    kind,
    ...(name === undefined ? {} : { name }),
    ...(id === undefined ? {} : { id }),
  };
}

function toGot({ kind, name, id, seq }: ProducedCommand, { stacks }: Recording): Got {
  const at = authorFrame(stacks.get(`${kind} ${seq ?? 0}`) ?? '');
  return {
    kind,
    ...(name === undefined ? {} : { name }),
    ...(id === undefined ? {} : { id }),
    ...(at === undefined ? {} : { at }),
  };
}

/** The event that Temporal's message names, as in `HistoryEvent(id: 5, ActivityTaskScheduled)`. */
function eventOfMessage(events: readonly HistoryEvent[], reason: string): Expected | undefined {
  const eventId = Number(/HistoryEvent\(id: (\d+)/.exec(reason)?.[1]);
  const event = events.find((candidate) => Number(candidate.eventId) === eventId);
  if (!event) return undefined;
  const [command] = rememberedCommands([event]);
  return command ? toExpected(command) : { eventId, eventType: eventTypeOf(event) };
}

/** Frames of a stack trace that are not the author's. */
const FOREIGN_FRAME = /node_modules|node:|webpack|bundler|external[/\\]|replay[/\\]recorder|<anonymous>/;

/** `order/workflow.ts:41` of the innermost frame that is the author's. */
export function authorFrame(stack: string): string | undefined {
  for (const line of stack.split('\n')) {
    if (FOREIGN_FRAME.test(line)) continue;
    const place = /(?:\(|at (?:async )?)([^()\s]+:\d+):\d+\)?\s*$/.exec(line)?.[1];
    if (place) return place;
  }
  return undefined;
}
