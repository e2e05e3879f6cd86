import { NEXT_TIMES, nextCronTimes, parseCron, type Trigger } from '@pegasus-workflows/contracts';
import { type triggerTicks, type triggers } from '../infra/schema.js';

export type TriggerRow = typeof triggers.$inferSelect;
export type TickRow = typeof triggerTicks.$inferSelect;

/** A trigger as the wire shows it; a schedule with its coming times after `now` and its newest tick. */
export function toTrigger(row: TriggerRow, tick: TickRow | null, now: Date): Trigger {
  const { note, createdAt, updatedAt, ...rest } = row;
  const trigger = { ...rest, createdAt: createdAt.toISOString(), updatedAt: updatedAt.toISOString() };
  if (row.kind !== 'SCHEDULE' || row.cronExpression === null) return trigger;
  const coming = row.enabled ? nextCronTimes(parseCron(row.cronExpression), now, NEXT_TIMES) : [];
  return {
    ...trigger,
    nextTimes: coming.map((time) => time.toISOString()),
    paused: !row.enabled,
    ...(note === null ? {} : { note }),
    ...(tick === null ? {} : { lastTick: toTick(tick) }),
  };
}

function toTick({ scheduledAt, outcome, executionId }: TickRow) {
  return { scheduledAt: scheduledAt.toISOString(), outcome, executionId };
}
