import proto from '@temporalio/proto';
import { describe, expect, it } from 'vitest';
import { historyRule, historySizeOf } from './run-limits.js';

const api = proto.temporal.api.workflowservice.v1;
const { CommandType } = proto.temporal.api.enums.v1;
const limits = { historyEvents: 100, historyBytes: 2_048, runSeconds: 60 };
const timers = (count: number) =>
  Array.from({ length: count }, () => ({ commandType: CommandType.COMMAND_TYPE_START_TIMER }));
const rule = (events: number, bytes: number, commands: object[]) =>
  historyRule({ history: { events, bytes } }, commands, limits);

describe('the history of a run', () => {
  it('is read from a workflow task as Temporal’s own types write it', () => {
    const task = api.PollWorkflowTaskQueueResponse.encode(
      api.PollWorkflowTaskQueueResponse.fromObject({
        taskToken: Buffer.from('t'),
        startedEventId: 70_000,
        history: {
          events: [
            { eventId: 1, workflowTaskStartedEventAttributes: { historySizeBytes: 5 } },
            { eventId: 70_000, workflowTaskStartedEventAttributes: { historySizeBytes: 3_000_000_000 } },
          ],
        },
      }),
    ).finish();
    expect(historySizeOf(task)).toEqual({ events: 70_000, bytes: 3_000_000_000 });
    expect(historySizeOf(new Uint8Array())).toEqual({ events: 0, bytes: 0 });
  });

  it('may grow up to its limits, counting what would be added', () => {
    expect(rule(90, 2_048, timers(10))).toBe(undefined);
    expect(rule(90, 0, timers(11))).toMatch(
      /^its history has 90 events and would have more than 100; continue as new/,
    );
    expect(rule(3, 2_049, timers(1))).toMatch(/^its history has 2 KiB, more than 2; continue as new/);
  });

  it.each([
    ['continues as new', CommandType.COMMAND_TYPE_CONTINUE_AS_NEW_WORKFLOW_EXECUTION],
    ['completes', CommandType.COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION],
    ['fails', CommandType.COMMAND_TYPE_FAIL_WORKFLOW_EXECUTION],
    ['is cancelled', CommandType.COMMAND_TYPE_CANCEL_WORKFLOW_EXECUTION],
  ])('is no matter for one that %s', (_what, commandType) => {
    expect(rule(1_000, 1_000_000, [...timers(3), { commandType }])).toBe(undefined);
  });
});
