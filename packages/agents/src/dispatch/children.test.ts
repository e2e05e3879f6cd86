import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type SubagentEvent, type SubagentTask } from '@pegasus-workflows/contracts/agents';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Engine, type Turn, type TurnRequest } from '../engines/engine.js';
import { EventLog } from '../log/event-log.js';
import { CHILDREN_MAX, DEPTH_MAX, DISPATCH_FUNCTION } from './children.js';
import { dispatchInProcess, type InProcessDispatch } from './in-process.js';

/** Agents that hand work on: `run.ts`, invariants 6 and 7. */
let root: string;
let log: EventLog;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'pegasus-children-'));
  log = await EventLog.open(join(root, '.pugi'));
});
afterEach(async () => {
  await log.close();
  await rm(root, { recursive: true, force: true });
});

const PRICES = { models: {}, allowUnknown: true };
const PARENT: SubagentTask = {
  id: 't',
  role: 'orchestrator',
  prompt: 'parent',
  permissionMode: 'acceptEdits',
};
const usage = { in: 100, out: 10 };
const handOn = (task: object): { name: string; arguments: object } => ({
  name: DISPATCH_FUNCTION,
  arguments: task,
});
const coder = (prompt: string, more: object = {}): object => ({
  role: 'coder',
  prompt,
  permissionMode: 'bypassPermissions',
  ...more,
});

type Said = { text: string } | { calls: readonly { name: string; arguments: object }[] };

/** Answers by what a dispatch was asked to do, and how far it is. */
class Cast implements Engine {
  readonly model = 'cast';
  readonly asked: TurnRequest[] = [];
  constructor(private readonly lines: Record<string, readonly Said[]>) {}

  turn(request: TurnRequest): Promise<Turn> {
    // The conversation goes on in the same list.
    this.asked.push({ ...request, messages: [...request.messages] });
    const prompt = request.messages.find(({ role }) => role === 'user')!.content;
    const at = request.messages.filter(({ role }) => role === 'assistant').length;
    const said = this.lines[prompt]?.[at] ?? { text: 'done' };
    if ('text' in said) return Promise.resolve({ text: said.text, toolCalls: [], usage, finish: 'stop' });
    const toolCalls = said.calls.map((call, n) => ({
      id: `${prompt} ${at} ${n}`,
      name: call.name,
      arguments: JSON.stringify(call.arguments),
    }));
    return Promise.resolve({ text: '', toolCalls, usage, finish: 'tool_calls' });
  }

  told(prompt: string): string {
    const request = this.asked.findLast(({ messages }) => messages.some(({ content }) => content === prompt));
    return request?.messages.at(-1)?.content ?? '';
  }
}

async function dispatched(lines: Record<string, readonly Said[]>, more: Partial<InProcessDispatch> = {}) {
  const engine = new Cast(lines);
  const events: SubagentEvent[] = [];
  const options = { task: PARENT, folder: root, engine, prices: PRICES, log };
  const answer = await dispatchInProcess({ ...options, onEvent: (event) => events.push(event), ...more });
  return { ...answer, engine, events };
}
const write = { name: 'write', arguments: { path: 'made.txt', content: 'x' } };

describe('a child', () => {
  it('works under both ceilings, and its parent is told its result', async () => {
    const { result, engine, events } = await dispatched({
      parent: [{ calls: [handOn(coder('child'))] }, { text: 'All done.' }],
      child: [{ calls: [write] }, { text: 'It is made.' }],
    });
    expect(result).toMatchObject({ status: 'shipped', summary: 'All done.', filesChanged: ['made.txt'] });
    // Two turns of each: what a child uses is its parent's spending.
    expect([result.tokensIn, result.tokensOut]).toEqual([400, 40]);
    expect(JSON.parse(engine.told('parent'))).toMatchObject({ status: 'shipped', summary: 'It is made.' });
    expect(events.map(({ taskId, type }) => `${taskId} ${type.replace('subagent.', '')}`)).toEqual([
      't spawned',
      't tool_call',
      't.1 spawned',
      't.1 tool_call',
      't.1 completed',
      't completed',
    ]);
  });

  it.each([
    [{ permissionMode: 'plan' as const }, {}, 'mode:plan'],
    [{ deniedPaths: ['made.txt'] }, {}, 'path:denied'],
    [{ allowedPaths: ['src'] }, { allowedPaths: ['.'] }, 'path:not-allowed'],
  ])('of a parent with %j does not get further by asking for %j', async (parent, child, rule) => {
    const lines = {
      parent: [{ calls: [handOn(coder('child', child))] }],
      child: [{ calls: [write] }],
    };
    const { result, engine } = await dispatched(lines, { task: { ...PARENT, ...parent } });
    expect(result).toMatchObject({ status: 'shipped', filesChanged: [] });
    expect(JSON.parse(engine.told('parent'))).toMatchObject({ status: 'blocked' });
    expect(engine.told('parent')).toContain(rule);
  });

  it('spends no more than its parent has left', async () => {
    const task = { ...PARENT, budget: { tokens: 3_000 } };
    const { result, engine } = await dispatched(
      { parent: [{ calls: [handOn(coder('child'))] }] },
      { task, answerTokens: 100 },
    );
    expect(JSON.parse(engine.told('parent'))).toMatchObject({ status: 'blocked' });
    expect(result.tokensIn + result.tokensOut).toBeLessThanOrEqual(3_000);
  });

  it.each([
    [{ role: 'nobody', prompt: 'x', permissionMode: 'plan' }, /^It was not done\. role: must be one of/],
    [{ role: 'coder', permissionMode: 'plan' }, /^It was not done\. prompt:/],
    [{ ...coder('x'), id: 'mine' }, /^It was not done\./],
  ])('is not begun with %j', async (task, told) => {
    const { result, engine } = await dispatched({ parent: [{ calls: [handOn(task)] }] });
    expect(engine.told('parent')).toMatch(told);
    expect(result.status).toBe('shipped');
  });
});

it('several are at work at once, and told in the order of the calls', async () => {
  const order: string[] = [];
  let bothAreAsked = (): void => {};
  const both = new Promise<void>((resolve) => (bothAreAsked = resolve));
  const engine = new (class extends Cast {
    override async turn(request: TurnRequest): Promise<Turn> {
      const turn = await super.turn(request);
      const prompt = request.messages.find(({ role }) => role === 'user')!.content;
      if (prompt === 'parent') return turn;
      order.push(prompt);
      // Neither answers before the other was asked.
      if (order.length === 2) bothAreAsked();
      await both;
      return turn;
    }
  })({
    parent: [
      {
        calls: [
          handOn(coder('first', { role: 'architect' })),
          handOn(coder('second', { role: 'architect' })),
        ],
      },
    ],
    first: [{ text: 'one' }],
    second: [{ text: 'two' }],
  });
  await dispatchInProcess({ task: PARENT, folder: root, engine, prices: PRICES, log });
  expect(order.sort()).toEqual(['first', 'second']);
  const told = engine.asked
    .at(-1)!
    .messages.slice(-2)
    .map(({ content }) => JSON.parse(content).summary);
  expect(told).toEqual(['one', 'two']);
});

describe('limits', () => {
  it(`there are at most ${CHILDREN_MAX} children of one dispatch`, async () => {
    const children = Array.from({ length: CHILDREN_MAX + 2 }, (_, n) =>
      handOn(coder(`c${n}`, { role: 'architect' })),
    );
    const { engine, events } = await dispatched({ parent: [{ calls: children }] });
    expect(events.filter(({ type }) => type === 'subagent.spawned')).toHaveLength(CHILDREN_MAX + 1);
    expect(engine.told('parent')).toContain(`${CHILDREN_MAX} subagents already`);
  });

  it(`there are at most ${DEPTH_MAX} levels below the first`, async () => {
    const deeper = (n: number): object => ({
      role: 'orchestrator',
      prompt: `level ${n}`,
      permissionMode: 'plan',
    });
    const lines = Object.fromEntries(
      Array.from({ length: 6 }, (_, n) => [`level ${n}`, [{ calls: [handOn(deeper(n + 1))] }]]),
    );
    const { events } = await dispatched({ ...lines, parent: [{ calls: [handOn(deeper(1))] }] });
    const levels = events.filter(({ type }) => type === 'subagent.spawned').map(({ taskId }) => taskId);
    expect(levels).toEqual(['t', 't.1', 't.1.1', 't.1.1.1']);
    // The last one has no such function.
    expect(events.find(({ type }) => type === 'subagent.blocked')).toMatchObject({
      reason: 'tool_unavailable',
    });
  });

  it('only who works through others may hand work on', async () => {
    const { result, engine } = await dispatched(
      { parent: [{ calls: [handOn(coder('child'))] }] },
      { task: { ...PARENT, role: 'architect' } },
    );
    expect(result).toMatchObject({ status: 'blocked' });
    expect(engine.asked).toHaveLength(1);
  });
});
