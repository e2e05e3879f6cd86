import type { EventInput, ManualInput, ScheduleInput } from '@pegasus-workflows/contracts';
import { randomUUID } from 'node:crypto';

/** The argument of a run that a person or program started with `input`. */
export function manualInput(
  input: Record<string, unknown> | null = null,
  executionId = randomUUID() as string,
): ManualInput {
  return { executionId, input };
}

/** The argument of a run that a domain event started; `payload` holds entity ids. */
export function eventInput(
  eventType: string,
  payload: Record<string, unknown> = {},
  overrides: Partial<EventInput> = {},
): EventInput {
  return {
    domainEventId: randomUUID(),
    eventType,
    occurredAt: new Date().toISOString(),
    payload,
    ...overrides,
  };
}

/** The argument of a run that a schedule started; `schedule` is its five-field cron expression, UTC. */
export function scheduleInput(
  schedule: string,
  overrides: Partial<ScheduleInput['input']> & { executionId?: string } = {},
): ScheduleInput {
  const { executionId = randomUUID(), ...input } = overrides;
  return {
    executionId,
    input: { scheduledAt: new Date().toISOString(), schedule, triggerId: randomUUID(), ...input },
  };
}

/** The argument of `pegasus-workflows test`: a bare string. */
export function testInput(text = ''): string {
  return text;
}
