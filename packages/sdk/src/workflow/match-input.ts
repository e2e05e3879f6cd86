import type { EventInput, ManualInput, ScheduleInput } from '@pegasus-workflows/contracts';
import { ApplicationFailure } from '@temporalio/workflow';

/** Who started a run: a person or program, a domain event, a schedule, or `pegasus-workflows test`. */
export type InputKind = 'manual' | 'event' | 'schedule' | 'test';

/** One function per shape that the workflow takes; a shape without one fails the run with a clear sentence. */
export interface InputHandlers {
  manual?: (input: ManualInput) => unknown;
  event?: (input: EventInput) => unknown;
  schedule?: (input: ScheduleInput) => unknown;
  test?: (text: string) => unknown;
}

/** What any of the handlers returns. */
type Handled<H extends InputHandlers> = {
  [K in keyof H]: H[K] extends (...args: never[]) => infer R ? R : never;
}[keyof H];

type Tagged =
  | { kind: 'manual'; value: ManualInput }
  | { kind: 'event'; value: EventInput }
  | { kind: 'schedule'; value: ScheduleInput }
  | { kind: 'test'; value: string };

/**
 * Tells the four shapes of a workflow's argument apart.
 *
 * | kind       | shape                                                                |
 * | ---------- | -------------------------------------------------------------------- |
 * | `test`     | a bare string                                                        |
 * | `event`    | `{domainEventId, eventType, occurredAt, payload}`                    |
 * | `schedule` | `{executionId, input: {scheduledAt, schedule, triggerId}}`           |
 * | `manual`   | `{executionId, input}` with any other object, or null, or no `input` |
 *
 * A manual run whose input holds all three of a schedule's fields, in their form (a UTC timestamp, a string, a UUID),
 * cannot be told from a schedule's and is a `schedule`. That is what a retried or replayed tick wants; do not use
 * those three names together in an input of your own. Fields beyond these are allowed everywhere.
 *
 * @throws ApplicationFailure, not retryable, of type `UnknownInputShape`; it names the keys and shows no value
 */
export function inputKind(argument: unknown): InputKind {
  return classify(argument).kind;
}

/**
 * Calls the handler of the argument's shape (see {@link inputKind}) and returns what it returns.
 *
 * @throws ApplicationFailure, not retryable, of type `UnknownInputShape` or, when that shape has no handler, `UnsupportedInput`
 */
export function matchInput<H extends InputHandlers>(argument: unknown, handlers: H): Handled<H>;
export function matchInput(argument: unknown, handlers: InputHandlers): unknown {
  const input = classify(argument);
  switch (input.kind) {
    case 'manual':
      return handlers.manual ? handlers.manual(input.value) : unsupported(input.kind, handlers);
    case 'event':
      return handlers.event ? handlers.event(input.value) : unsupported(input.kind, handlers);
    case 'schedule':
      return handlers.schedule ? handlers.schedule(input.value) : unsupported(input.kind, handlers);
    case 'test':
      return handlers.test ? handlers.test(input.value) : unsupported(input.kind, handlers);
  }
}

function classify(argument: unknown): Tagged {
  if (typeof argument === 'string') return { kind: 'test', value: argument };
  if (isEvent(argument)) return { kind: 'event', value: argument };
  if (isStarted(argument)) {
    if (isSchedule(argument)) return { kind: 'schedule', value: argument };
    const { input = null } = argument;
    if (input === null || isRecord(input)) return { kind: 'manual', value: { ...argument, input } };
  }
  throw unknownShape(argument);
}

function isEvent(value: unknown): value is EventInput {
  return (
    isRecord(value) &&
    typeof value['domainEventId'] === 'string' &&
    typeof value['eventType'] === 'string' &&
    typeof value['occurredAt'] === 'string' &&
    isRecord(value['payload'])
  );
}

function isStarted(value: unknown): value is { executionId: string; input?: unknown } {
  return isRecord(value) && typeof value['executionId'] === 'string';
}

const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?Z$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

function isSchedule(value: { executionId: string; input?: unknown }): value is ScheduleInput {
  const { input } = value;
  return (
    isRecord(input) &&
    matches(input['scheduledAt'], TIMESTAMP) &&
    typeof input['schedule'] === 'string' &&
    matches(input['triggerId'], UUID)
  );
}

function matches(value: unknown, pattern: RegExp): boolean {
  return typeof value === 'string' && pattern.test(value);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const SHAPES =
  'manual {executionId, input}, event {domainEventId, eventType, occurredAt, payload}, schedule {executionId, input: {scheduledAt, schedule, triggerId}} or test (a string)';

function unknownShape(argument: unknown): ApplicationFailure {
  return ApplicationFailure.nonRetryable(
    `The workflow's argument is ${outline(argument)}; expected ${SHAPES}.`,
    'UnknownInputShape',
  );
}

function unsupported(kind: InputKind, handlers: object): never {
  throw ApplicationFailure.nonRetryable(
    `This workflow takes no ${kind} input; it handles: ${Object.keys(handlers).join(', ') || 'none'}.`,
    'UnsupportedInput',
  );
}

/** What an argument looks like without its values: they may be personal data, and failures are kept for long. */
function outline(argument: unknown): string {
  if (argument === null) return 'null';
  if (Array.isArray(argument)) return 'an array';
  if (typeof argument !== 'object') return `of type ${typeof argument}`;
  const keys = Object.keys(argument);
  const shown = keys.slice(0, 20).map((key) => (key.length > 40 ? `${key.slice(0, 40)}…` : key));
  return `an object with ${keys.length === 0 ? 'no keys' : `the keys ${shown.join(', ')}`}${keys.length > 20 ? ', …' : ''}`;
}
