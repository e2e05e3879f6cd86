import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readHistory, readHistoryFile } from './read-history.js';
import { historyToJson } from './temporal-json.js';

const STARTED = {
  eventId: '1',
  eventTime: '2026-01-01T00:00:00Z',
  eventType: 'EVENT_TYPE_WORKFLOW_EXECUTION_STARTED',
  workflowExecutionStartedEventAttributes: {
    workflowType: { name: 'orders' },
    workflowId: 'wf/1',
    taskQueue: { name: 'q', kind: 'TASK_QUEUE_KIND_NORMAL' },
    input: { payloads: [{ metadata: { encoding: 'anNvbi9wbGFpbg==' }, data: 'IkFkYSI=' }] },
    workflowTaskTimeout: '10s',
  },
};
const COMPLETED = {
  eventId: '2',
  eventType: 'EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED',
  workflowExecutionCompletedEventAttributes: {},
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'pegasus-history-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function file(text: string): Promise<string> {
  const target = path.join(folder, 'history.json');
  await writeFile(target, text);
  return target;
}

describe('a history is read', () => {
  const export_ = { name: 'orders', version: '1.0.0', temporalWorkflowId: 'wf/own', workflowType: 'orders' };
  it.each<[string, unknown, object]>([
    ["Temporal's own", { events: [STARTED, COMPLETED] }, { workflowId: 'wf/1', open: false }],
    ['a bare list of events', [STARTED], { workflowId: 'wf/1', open: true }],
    [
      'our export',
      { ...export_, history: { events: [STARTED] } },
      { name: 'orders', version: '1.0.0', workflowId: 'wf/own', open: true },
    ],
    [
      'one of an older tool',
      {
        events: [
          {
            ...STARTED,
            eventId: 1,
            eventType: 'WorkflowExecutionStarted',
            workflowExecutionStartedEventAttributes: {
              ...STARTED.workflowExecutionStartedEventAttributes,
              taskQueue: { name: 'q', kind: 'Normal' },
            },
          },
        ],
      },
      { open: true },
    ],
    ['one of a newer Temporal', { events: [{ ...STARTED, somethingNew: { a: 1 } }] }, { open: true }],
  ])('%s', async (_name, json, expected) => {
    const read = await readHistoryFile(await file(JSON.stringify(json)));
    expect(read).toMatchObject({ workflowType: 'orders', ...expected });
    const [event] = historyToJson(read.history).events;
    expect(event).toMatchObject({
      eventType: STARTED.eventType,
      workflowExecutionStartedEventAttributes: STARTED.workflowExecutionStartedEventAttributes,
    });
  });
});

describe('what is no history is refused with the reason', () => {
  it.each<[string, string, RegExp]>([
    ['nothing', '', /history\.json:1:1 is not the history of a run: it is empty\./],
    ['truncated', JSON.stringify({ events: [STARTED] }).slice(0, -2), /it ends in the middle, where/],
    ['another document', '{"name": "x"}', /it has no list "events"\./],
    ['text', 'hello', /history\.json:1:1 .* it has "hello" where a value belongs/],
    ['a number', '5', /it has no list "events"/],
    ['no events', '{"events": []}', /it has no events\./],
    ['a later page', JSON.stringify({ events: [{ ...COMPLETED, eventId: '1' }] }), /its first part is missing/],
    ['a gap', JSON.stringify({ events: [STARTED, { ...COMPLETED, eventId: '7' }] }), /goes from event 1 to event 7/],
    ['numbers', '{"events": [1, 2]}', /has no eventId in event 1/],
    ['60 MB of something else', ' '.repeat(60_000_000) + '{}', /it has no list "events"/],
    ['60 MB of a cut string', `{"events": ["${'x'.repeat(60_000_000)}`, /history\.json:1:\d+ .*rest of a string/],
  ])('%s', async (_name, text, message) => {
    await expect(readHistoryFile(await file(text))).rejects.toMatchObject({
      code: 'VALIDATION_ERROR',
      message: expect.stringMatching(message),
    });
  }); // prettier-ignore

  it('a file that is not there, a folder', async () => {
    await expect(readHistoryFile(path.join(folder, 'none.json'))).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    await expect(readHistoryFile(folder)).rejects.toMatchObject({ code: 'VALIDATION_ERROR' });
    expect(() => readHistory(null, 'x')).toThrow('x is not the history of a run');
  });
});
