import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { agentJsonSchemas, subagentEvent, subagentResult, subagentTask, tighten } from './index.js';

const GOLDEN = new URL('../../../contracts/golden/agents/', import.meta.url);
const golden = (file: string): any => JSON.parse(readFileSync(new URL(file, GOLDEN), 'utf8'));
const files = readdirSync(GOLDEN);
const about = { taskId: 'task-7', role: 'coder', personaSlug: 'hiroshi' } as const;
const AT = new Date('2026-11-22T10:00:41.873Z');

describe('builders', () => {
  it('make what the golden files have', () => {
    expect(subagentTask(golden('task.json'))).toEqual(golden('task.json'));
    expect(subagentResult(golden('result.json'))).toEqual(golden('result.json'));
    const error = golden('event-failed.json').error;
    expect(subagentEvent('subagent.failed', { ...about, error }, AT)).toEqual(golden('event-failed.json'));
  });

  it('make events of one type, which the compiler knows', () => {
    const counts = { toolCallCount: 5, tokensIn: 18_234, tokensOut: 911, durationMs: 41_873 };
    const event = subagentEvent('subagent.completed', { ...about, ...counts }, AT);
    expectTypeOf(event.type).toEqualTypeOf<'subagent.completed'>();
    expect(event).toEqual(golden('event-completed.json'));
    // @ts-expect-error -- a spawned event has an isolation
    expect(() => subagentEvent('subagent.spawned', { ...about, parentSessionId: 's' })).toThrow(/isolation/);
  });

  it.each([
    ['a role', { role: 'pilot' }, /^role: must be one of orchestrator, /],
    ['an empty prompt', { prompt: '' }, /^prompt: must not be empty\.$/],
    ['a budget of nothing', { budget: { tokens: 0 } }, /^budget\.tokens: must be greater than 0\.$/],
    ['a field that nobody reads', { deniedPath: ['x'] }, /unknown field "deniedPath"/],
  ])('refuse %s with one sentence', (_, wrong, message) =>
    expect(() => subagentTask({ ...golden('task.json'), ...wrong })).toThrow(message),
  );

  it.each([
    [new Error('it broke\n    at x (file.ts:1:1)'), 'it broke'],
    ['\u001b[31mred\u001b[0m', '[31mred [0m'],
    ['\n\n  second line\n', 'second line'],
    ['', 'It failed without a word.'],
    [undefined, 'undefined'],
  ])('make one printable line of %j', (error, line) =>
    expect(subagentEvent('subagent.failed', { ...about, error: error as string }, AT).error).toBe(line),
  );
});

it.each([
  [{ tokens: 10 }, { tokens: 20 }, { tokens: 10 }],
  [{ tokens: 10 }, { tokens: 5, dollars: 1 }, { tokens: 5, dollars: 1 }],
  [{ tokens: 10, wallClockMs: 1 }, {}, { tokens: 10, wallClockMs: 1 }],
  [{}, { dollars: 0.5 }, { dollars: 0.5 }],
])('a budget of %j tightened by %j is %j', (limit, given, wanted) =>
  expect(tighten(limit, given)).toEqual(wanted),
);

describe('JSON Schemas', () => {
  const ajv = addFormats.default(new Ajv2020.default({ strict: false }));
  const schemas = agentJsonSchemas();

  it.each(files)('%s fits its own', (file) => {
    const validate = ajv.compile(schemas[file.split(/[-.]/)[0] as keyof typeof schemas]);
    expect([validate(golden(file)), validate.errors]).toEqual([true, null]);
  });

  it('refuse what the builders refuse', () => {
    expect(ajv.validate(schemas.task, { ...golden('task.json'), deniedPath: [] })).toBe(false);
    expect(ajv.validate(schemas.event, { ...golden('event-failed.json'), timestamp: 'now' })).toBe(false);
    expect(ajv.validate(schemas.budget, { dollars: 0 })).toBe(false);
  });
});
