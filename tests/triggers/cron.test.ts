import { Connection } from '@temporalio/client';
import { cronTimesBetween, parseCron, plainCron } from '@pegasus-workflows/contracts';
import proto from '@temporalio/proto';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';

/**
 * What is accepted here, Temporal accepts as it is given it, and fires at the same times: asked of Temporal's own schedules, which are
 * paused and removed again.
 */
const FROM = new Date('2027-02-20T00:00:00Z');
const TO = new Date('2029-03-05T00:00:00Z');
/** As many times as Temporal tells at once. */
const TIMES = 1_000;
/** Expressions; each costs Temporal a schedule. */
const EXPRESSIONS = 300;

let connection: Connection;
beforeAll(async () => {
  connection = await Connection.connect({ address: inject('temporal').address });
});
afterAll(() => connection?.close());

const stampOf = (at: Date) => proto.google.protobuf.Timestamp.fromObject({ seconds: at.getTime() / 1_000 });

/** Milliseconds at which Temporal's schedule would fire. */
async function temporalTimes(expression: string, n: number): Promise<number[]> {
  const { workflowService: service } = connection;
  const of = { namespace: 'default', scheduleId: `cron-test/${process.pid}/${Date.now()}/${n}` };
  await service.createSchedule({
    ...of,
    requestId: of.scheduleId,
    schedule: {
      spec: { cronString: [expression], timezoneName: 'UTC' },
      action: {
        startWorkflow: { workflowId: 'never', workflowType: { name: 'never' }, taskQueue: { name: 'never' } },
      },
      state: { paused: true },
    },
  });
  try {
    const { startTime } = await service.listScheduleMatchingTimes({
      ...of,
      // Temporal leaves the first instant out.
      startTime: stampOf(new Date(FROM.getTime() - 1_000)),
      endTime: stampOf(TO),
    });
    return startTime.map(({ seconds }) => Number(seconds) * 1_000);
  } finally {
    await service.deleteSchedule(of);
  }
}

const names = {
  month: ['jan', 'FEB', 'Mar', 'december', 'June', 'sep'],
  day: ['sun', 'MON', 'Tue', 'saturday', 'Thursday', 'fri'],
};
function field(min: number, max: number, words: readonly string[] = []): fc.Arbitrary<string> {
  const value = fc.integer({ min, max });
  const range = fc.tuple(value, value).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`);
  const base = fc.oneof(
    { weight: 3, arbitrary: fc.constant('*') },
    { weight: 2, arbitrary: value.map(String) },
    { weight: 1, arbitrary: range },
    ...(words.length > 0 ? [{ weight: 1, arbitrary: fc.constantFrom(...words) }] : []),
  );
  const part = fc
    .tuple(base, fc.option(fc.integer({ min: 1, max: max + 3 }), { freq: 3 }))
    .map(([from, step]) => (step === null ? from : `${from}/${step}`));
  return fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join(','));
}
const expressions = fc
  .tuple(field(0, 59), field(0, 23), field(1, 31), field(1, 12, names.month), field(0, 7, names.day))
  .map((fields) => fields.join(' '));

it('random expressions fire when Temporal fires them', { timeout: 600_000 }, async () => {
  const given = fc.sample(expressions, { numRuns: EXPRESSIONS, seed: 20_261_121 }).filter(isAccepted);
  expect(given.length).toBeGreaterThan(EXPRESSIONS / 2);
  for (const [n, expression] of given.entries()) {
    const theirs = await temporalTimes(plainCron(parseCron(expression)), n);
    const ours = cronTimesBetween(parseCron(expression), FROM, TO, TIMES).map((time) => time.getTime());
    expect(ours.slice(0, TIMES), expression).toEqual(theirs.slice(0, TIMES));
  }
});

function isAccepted(expression: string): boolean {
  try {
    parseCron(expression);
    return true;
  } catch {
    return false;
  }
}
