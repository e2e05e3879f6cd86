import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { type z } from 'zod';
import {
  AGENT_EVENT_TEXT,
  dispatchBudgetSchema,
  permissionDecisionSchema,
  printableLine,
  subagentEventSchema,
  subagentResultSchema,
  subagentTaskSchema,
  type SubagentEvent,
  type SubagentEventType,
} from './index.js';

const GOLDEN = new URL('../../golden/agents/', import.meta.url);
const golden = (file: string): any => JSON.parse(readFileSync(new URL(file, GOLDEN), 'utf8'));
const files = readdirSync(GOLDEN);
const SHAPES: Record<string, z.ZodType> = {
  task: subagentTaskSchema,
  result: subagentResultSchema,
  event: subagentEventSchema,
};
const shapeOf = (file: string): z.ZodType => SHAPES[file.split(/[-.]/)[0]!]!;

describe('golden wire files', () => {
  it.each(files)('%s has exactly its shape', (file) => {
    expect(shapeOf(file).parse(golden(file))).toEqual(golden(file));
  });

  it('are there for every type of event', () => {
    const types = files.filter((file) => file.startsWith('event-')).map((file) => golden(file).type);
    expect(new Set(types)).toEqual(new Set(subagentEventSchema.options.map(({ shape }) => shape.type.value)));
  });
});

describe('what the contract says', () => {
  const OPTIONAL: Record<string, readonly string[]> = {
    'task.json': ['budget', 'allowedPaths', 'deniedPaths'],
    'result.json': ['permissionDecisions'],
  };

  it.each(files.filter((file) => !file.endsWith('-least.json')))(
    '%s: which fields may be left out',
    (file) => {
      const whole = golden(file);
      for (const field of Object.keys(whole)) {
        const { [field]: _, ...rest } = whole;
        const isOptional = OPTIONAL[file]?.includes(field) ?? false;
        expect([field, shapeOf(file).safeParse(rest).success]).toEqual([field, isOptional]);
      }
    },
  );

  it.each([
    [{ tokens: 0 }],
    [{ tokens: 1.5 }],
    [{ tokens: -1 }],
    [{ dollars: 0 }],
    [{ dollars: Number.NaN }],
    [{ dollars: Number.POSITIVE_INFINITY }],
    [{ wallClockMs: 0 }],
    [{ minutes: 3 }],
  ])('a budget is no %j', (budget) => expect(dispatchBudgetSchema.safeParse(budget).success).toBe(false));

  it.each(['2026-11-22T10:00:00+01:00', '2026-11-22 10:00:00Z', '2026-11-22', 'now', ''])(
    'a timestamp is no %j',
    (timestamp) => {
      const event = { ...golden('event-failed.json'), timestamp };
      expect(subagentEventSchema.safeParse(event).success).toBe(false);
    },
  );

  it.each(['two\nlines', 'a\u2028b', 'bell\u0007', '\u001b[31mred', '', '\u202eturned'])(
    'an error is no %j',
    (error) => {
      const event = { ...golden('event-failed.json'), error };
      expect(subagentEventSchema.safeParse(event).success).toBe(false);
    },
  );
});

describe('any value', () => {
  const schemas = {
    budget: dispatchBudgetSchema,
    task: subagentTaskSchema,
    decision: permissionDecisionSchema,
    result: subagentResultSchema,
    event: subagentEventSchema,
  };
  // Values near to valid ones: a good one with anything in the place of one field, or with one field more.
  const near = fc
    .tuple(fc.constantFrom(...files), fc.string(), fc.anything())
    .chain(([file, other, value]) =>
      fc
        .constantFrom(...Object.keys(golden(file)), other)
        .map((field) => ({ ...golden(file), [field]: value })),
    );

  it.each(Object.entries(schemas))('is refused by the schema of a %s, or is one', (_, schema) => {
    fc.assert(
      fc.property(fc.oneof(fc.anything({ withNullPrototype: true }), near), (value) => {
        const parsed = schema.safeParse(value);
        // What was taken is taken again, and is the same.
        if (parsed.success) expect(schema.parse(parsed.data)).toEqual(parsed.data);
      }),
      { numRuns: 2_000 },
    );
  });

  it('is one printable line once it is made one', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 3_000 }), (text) => {
        const line = printableLine(text);
        expect(line.length).toBeLessThanOrEqual(AGENT_EVENT_TEXT);
        const event = { ...golden('event-failed.json'), error: line };
        expect(line === '' || subagentEventSchema.safeParse(event).success).toBe(true);
        expect(printableLine(line)).toBe(line);
      }),
    );
  });
});

it('types: whoever handles the five events handles all there are', () => {
  const told = (event: SubagentEvent): string => {
    switch (event.type) {
      case 'subagent.spawned':
        return event.isolation;
      case 'subagent.tool_call':
        return event.toolName;
      case 'subagent.completed':
        return String(event.durationMs);
      case 'subagent.blocked':
        return event.detail;
      case 'subagent.failed':
        return event.error;
      default:
        // One more type in the union would be no `never` here.
        return event satisfies never;
    }
  };
  expectTypeOf<SubagentEventType>().toEqualTypeOf<
    'subagent.spawned' | 'subagent.tool_call' | 'subagent.completed' | 'subagent.blocked' | 'subagent.failed'
  >();
  expect(told(golden('event-blocked.json'))).toMatch(/3140/);
});
