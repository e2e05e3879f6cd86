import { z } from 'zod';

/**
 * Cron expressions of schedules: five fields (minute, hour, day of month, month, day of week), always UTC.
 *
 * They mean what Temporal, whose schedules fire them, means by them: a day must match both the day of month and the day
 * of week; Sunday is 0 and 7; `a/n` is every n-th from a to the field's end. Temporal's shorthands (`@daily`, `CRON_TZ=`,
 * seconds, comments) are not accepted here. Temporal is given {@link plainCron}, because it forgets the Sunday of `1-7`.
 */
export interface Cron {
  /** Each field's values; Sunday is 0. */
  minutes: ReadonlySet<number>;
  hours: ReadonlySet<number>;
  daysOfMonth: ReadonlySet<number>;
  months: ReadonlySet<number>;
  daysOfWeek: ReadonlySet<number>;
}

interface Field {
  name: string;
  min: number;
  max: number;
  /** From `min` on; each may be shortened to three letters. */
  names?: readonly string[];
}

const MONTHS = 'january february march april may june july august september october november december';
const DAYS = 'sunday monday tuesday wednesday thursday friday saturday';
const FIELDS: readonly Field[] = [
  { name: 'minute', min: 0, max: 59 },
  { name: 'hour', min: 0, max: 23 },
  { name: 'day of month', min: 1, max: 31 },
  { name: 'month', min: 1, max: 12, names: MONTHS.split(' ') },
  { name: 'day of week', min: 0, max: 7, names: DAYS.split(' ') },
];

const MAX_LENGTH = 256;
const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
/** Every date with every day of week comes within this, 29 February on one day of week across 2100 included. */
const SEARCH_DAYS = 41 * 366;

/** Parses an expression. Throws a RangeError whose message names the field and what it may hold. */
export function parseCron(expression: string): Cron {
  if (expression.length > MAX_LENGTH) throw new RangeError(`must be at most ${MAX_LENGTH} characters`);
  const parts = expression.trim().split(/[ \t]+/);
  if (parts.length !== FIELDS.length) {
    throw new RangeError(
      'must be five fields: minute, hour, day of month, month, day of week (UTC), such as 30 6 * * 1-5',
    );
  }
  const [minutes, hours, daysOfMonth, months, daysOfWeek] = FIELDS.map((field, i) =>
    parseField(field, parts[i]!),
  );
  const sundays = [...daysOfWeek!].map((day) => day % 7);
  const cron = {
    minutes: minutes!,
    hours: hours!,
    daysOfMonth: daysOfMonth!,
    months: months!,
    daysOfWeek: new Set(sundays),
  };
  if (!existsSomeYear(cron)) throw new RangeError('never fires: no month it names has a day it names');
  return cron;
}

/** A leap year has every date there is. */
function existsSomeYear({ months, daysOfMonth }: Cron): boolean {
  const firstDay = Math.min(...daysOfMonth);
  return [...months].some((month) => firstDay <= new Date(Date.UTC(2024, month, 0)).getUTCDate());
}

function parseField(field: Field, text: string): Set<number> {
  const values = new Set<number>();
  for (const part of text.split(',')) {
    const match = /^(?:\*|([0-9]+|[a-z]+)(?:-([0-9]+|[a-z]+))?)(?:\/([0-9]+))?$/i.exec(part);
    if (!match) throw refusal(field, part);
    const [, from, to, step] = match;
    const first = from === undefined ? field.min : parseValue(field, from);
    const openEnded = from === undefined || (to === undefined && step !== undefined);
    const last = openEnded ? field.max : to === undefined ? first : parseValue(field, to);
    const by = step === undefined ? 1 : Number(step);
    if (last < first || by < 1) throw refusal(field, part);
    for (let value = first; value <= last; value += by) values.add(value);
  }
  return values;
}

function parseValue(field: Field, text: string): number {
  const word = text.toLowerCase();
  const named = field.names?.findIndex((name) => word === name || word === name.slice(0, 3)) ?? -1;
  const value = named >= 0 ? field.min + named : Number(text);
  if (!(value >= field.min && value <= field.max)) throw refusal(field, text);
  return value;
}

function refusal({ name, min, max, names }: Field, part: string): RangeError {
  const words = names ? ` or names such as ${names[0]!.slice(0, 3)}` : '';
  return new RangeError(
    `${name}: "${part}" is not usable; give values from ${min} to ${max}${words}, ranges from low to high, or steps of at least 1`,
  );
}

/** The same times in the plainest words: each field `*` or a list of its values. */
export function plainCron(cron: Cron): string {
  const { minutes, hours, daysOfMonth, months, daysOfWeek } = cron;
  const sizes = [60, 24, 31, 12, 7];
  return [minutes, hours, daysOfMonth, months, daysOfWeek]
    .map((values, i) => (values.size === sizes[i] ? '*' : [...values].sort((a, b) => a - b).join(',')))
    .join(' ');
}

/** The next `count` instants after `after`, which itself is left out; fewer only where the search ends. */
export function nextCronTimes(cron: Cron, after: Date, count: number): Date[] {
  const times: Date[] = [];
  for (const time of cronTimes(cron, after)) {
    if (times.length >= count) break;
    times.push(time);
  }
  return times;
}

/** The instants from `from` to `to`, both included; at most `limit` + 1 of them, so that one too many shows. */
export function cronTimesBetween(cron: Cron, from: Date, to: Date, limit: number): Date[] {
  const times: Date[] = [];
  for (const time of cronTimes(cron, new Date(from.getTime() - 1), to)) {
    if (time > to || times.length > limit) break;
    times.push(time);
  }
  return times;
}

/** Every instant after `after`, in order; days after `until` are not looked at. */
function* cronTimes(cron: Cron, after: Date, until?: Date): Generator<Date> {
  const inOrder = (values: ReadonlySet<number>) => [...values].sort((a, b) => a - b);
  const hours = inOrder(cron.hours);
  const minutes = inOrder(cron.minutes);
  const firstDay = Math.floor(after.getTime() / DAY_MS) * DAY_MS;
  for (let n = 0; n < SEARCH_DAYS; n++) {
    const day = new Date(firstDay + n * DAY_MS);
    if (until && day > until) return;
    if (!cron.months.has(day.getUTCMonth() + 1)) continue;
    if (!cron.daysOfMonth.has(day.getUTCDate()) || !cron.daysOfWeek.has(day.getUTCDay())) continue;
    for (const hour of hours) {
      for (const minute of minutes) {
        const time = new Date(day.getTime() + (hour * 60 + minute) * MINUTE_MS);
        if (time > after) yield time;
      }
    }
  }
}

/** A cron expression as the wire takes it; fields are separated by one space afterwards. */
export const cronExpressionSchema = z.string().transform((expression, context) => {
  try {
    parseCron(expression);
    return expression
      .trim()
      .split(/[ \t]+/)
      .join(' ');
  } catch (error) {
    context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : 'is not usable' });
    return z.NEVER;
  }
});
