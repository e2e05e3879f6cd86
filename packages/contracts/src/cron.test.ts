import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cronExpressionSchema, cronTimesBetween, nextCronTimes, parseCron, plainCron } from './cron.js';

const YEAR_2000 = Date.UTC(2000, 0, 1);
const YEAR_2090 = Date.UTC(2090, 0, 1);

function field(min: number, max: number): fc.Arbitrary<string> {
  const value = fc.integer({ min, max });
  const step = fc.integer({ min: 1, max: max + 5 });
  const range = fc.tuple(value, value).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`);
  const part = fc.oneof(
    fc.constant('*'),
    value.map(String),
    range,
    fc.tuple(fc.oneof(fc.constant('*'), value.map(String), range), step).map(([from, by]) => `${from}/${by}`),
  );
  return fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join(','));
}
const minuteAndHour = fc.tuple(field(0, 59), field(0, 23)).map((fields) => fields.join(' '));
const instants = fc.integer({ min: YEAR_2000, max: YEAR_2090 }).map((ms) => new Date(ms));

/** Whether one field, read from its definition, holds a value. */
function holds(text: string, value: number, max: number): boolean {
  return text.split(',').some((part) => {
    const [range, step] = part.split('/') as [string, string?];
    const [low, high] = range === '*' ? [undefined, undefined] : range.split('-').map(Number);
    const from = low ?? (max === 31 || max === 12 ? 1 : 0);
    const to = high ?? (low === undefined || step ? max : low);
    return value >= from && value <= to && (value - from) % Number(step ?? 1) === 0;
  });
}

function matches(expression: string, at: Date): boolean {
  const [minute, hour, day, month, weekday] = expression.split(' ') as [
    string,
    string,
    string,
    string,
    string,
  ];
  return (
    holds(minute, at.getUTCMinutes(), 59) &&
    holds(hour, at.getUTCHours(), 23) &&
    holds(day, at.getUTCDate(), 31) &&
    holds(month, at.getUTCMonth() + 1, 12) &&
    (holds(weekday, at.getUTCDay(), 7) || (at.getUTCDay() === 0 && holds(weekday, 7, 7)))
  );
}

describe('times that a person would count on a calendar', () => {
  test('within a few days, every minute is counted or left out as its fields say', () => {
    fc.assert(
      fc.property(minuteAndHour, field(1, 31), field(0, 7), instants, (time, day, weekday, from) => {
        const expression = `${time} ${day} * ${weekday}`;
        const start = Math.ceil(from.getTime() / 60_000) * 60_000;
        const minutes = Array.from({ length: 3 * 1_440 }, (_, n) => new Date(start + n * 60_000));
        const expected = minutes.filter((at) => matches(expression, at));
        const found = cronTimesBetween(parseCron(expression), from, minutes.at(-1)!, 10_000);
        expect(found).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });

  test('the next times are later than now, in order, and none between them was missed', () => {
    fc.assert(
      fc.property(minuteAndHour, field(1, 12), instants, (time, month, after) => {
        const cron = parseCron(`${time} * ${month} *`);
        const times = nextCronTimes(cron, after, 5);
        expect(times).toHaveLength(5);
        expect(times[0]!.getTime()).toBeGreaterThan(after.getTime());
        expect(cronTimesBetween(cron, new Date(after.getTime() + 1), times.at(-1)!, 100)).toEqual(times);
      }),
    );
  });
});

test.each([
  ['0 9 13 * 5', '2027-08-13T09:00:00.000Z'],
  ['0 0 29 2 *', '2028-02-29T00:00:00.000Z'],
  ['0 0 29 feb SUN', '2032-02-29T00:00:00.000Z'],
  ['0 0 * * 7', '2027-01-03T00:00:00.000Z'],
  ['0 0 * * 3/2', '2027-01-03T00:00:00.000Z'],
  ['*/90 * * * *', '2027-01-01T01:00:00.000Z'],
  ['0 12 * December wednesday-FRI', '2027-12-01T12:00:00.000Z'],
])('%s comes next at %s', (expression, next) => {
  const [time] = nextCronTimes(parseCron(expression), new Date('2027-01-01T00:00:00Z'), 1);
  expect(time!.toISOString()).toBe(next);
});

test.each([
  ['* * * *', 'five fields'],
  ['* * * * * *', 'five fields'],
  ['@daily', 'five fields'],
  ['CRON_TZ=Europe/Berlin 0 9 * * *', 'five fields'],
  ['60 * * * *', 'minute'],
  ['0 24 * * *', 'hour'],
  ['0 0 0 * *', 'day of month'],
  ['0 0 L * *', 'day of month'],
  ['0 0 ? * *', 'day of month'],
  ['0 0 * 13 *', 'month'],
  ['0 0 * * 6-1', 'day of week'],
  ['0 0 * * 1#2', 'day of week'],
  ['*/0 * * * *', 'minute'],
  ['1,,2 * * * *', 'minute'],
  ['1.5 * * * *', 'minute'],
  ['+1 * * * *', 'minute'],
  ['0 0 31 2 *', 'never fires'],
  ['0 0 30,31 feb *', 'never fires'],
  [`${'1,'.repeat(200)}1 * * * *`, 'at most'],
])('%s is refused, naming %s', (expression, named) => {
  const { error } = cronExpressionSchema.safeParse(expression);
  expect(error?.issues[0]?.message).toContain(named);
});

test('the plainest words say the same', () => {
  const expressions = fc.tuple(minuteAndHour, field(1, 28), field(1, 12), field(0, 7));
  fc.assert(
    fc.property(expressions, (fields) => {
      const cron = parseCron(fields.join(' '));
      const plain = plainCron(cron);
      // Many single values are more than an expression may have, which is nobody's way to write them.
      fc.pre(plain.length <= 256);
      expect(parseCron(plain)).toEqual(cron);
    }),
  );
  expect(plainCron(parseCron('*/30 9-11 * 1-12 1-7'))).toBe('0,30 9,10,11 * * *');
});

test('nothing that is not an expression throws anything but a RangeError', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'0159*/-, ?LW#@janmonSUN\t') }), (text) => {
      try {
        parseCron(text);
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
      }
    }),
  );
});
