import { mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  subagentResultSchema,
  type SubagentEvent,
  type SubagentTask,
} from '@pegasus-workflows/contracts/agents';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openAccount, restOf } from '../budgets/ledger.js';
import { priceTableSchema } from '../budgets/prices.js';
import { EngineError, type Engine } from '../engines/engine.js';
import { ScriptedEngine, type ScriptedTurn } from '../engines/scripted.js';
import { EventLog } from '../log/event-log.js';
import { readLog, verifyLog } from '../log/read-log.js';
import { type LogBody } from '../log/records.js';
import { ceilingOf } from '../permissions/ceiling.js';
import { dispatchInProcess, type InProcessDispatch, type InProcessResult } from './in-process.js';

/** A dispatch from its task to its result: `run.ts`, its invariants by number, with real files and the real log. */
const prices = priceTableSchema.parse({ models: { scripted: { inputPerMillion: 1, outputPerMillion: 10 } } });
const NOW = Date.parse('2026-11-22T10:00:00.000Z');

let root: string;
let log: EventLog;
let events: SubagentEvent[];
beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'pegasus-dispatch-')));
  await mkdir(join(root, 'src'));
  await writeFile(join(root, 'src/a.ts'), 'const a = 1;\n');
  log = await EventLog.open(join(root, '.pugi'));
  events = [];
});
afterEach(async () => {
  await log.close();
  await rm(root, { recursive: true, force: true });
});

const TASK: SubagentTask = {
  id: 'task-7',
  role: 'coder',
  prompt: 'Make a two.',
  permissionMode: 'acceptEdits',
};
const READ = { name: 'read', arguments: { path: 'src/a.ts' } };
const EDIT = { name: 'edit', arguments: { path: 'src/a.ts', old_string: 'a = 1', new_string: 'a = 2' } };
const SCRIPT: ScriptedTurn[] = [
  { calls: [READ], usage: { in: 100, out: 20 } },
  { after: 'const a = 1;', calls: [EDIT], usage: { in: 150, out: 30 } },
  { after: 'src/a.ts is changed.', text: 'a is two.', usage: { in: 200, out: 10 } },
];

function dispatch(
  turns: ScriptedTurn[] | Engine,
  more: Partial<InProcessDispatch> = {},
): Promise<InProcessResult> {
  const engine = Array.isArray(turns) ? new ScriptedEngine(turns) : turns;
  return dispatchInProcess({
    task: TASK,
    folder: root,
    engine,
    prices,
    log,
    onEvent: (event) => events.push(event),
    clock: () => NOW,
    ...more,
  });
}
const file = (): Promise<string> => readFile(join(root, 'src/a.ts'), 'utf8');
const types = (): string[] => events.map(({ type }) => type.replace('subagent.', ''));
async function logged<K extends LogBody['kind']>(kind: K): Promise<Extract<LogBody, { kind: K }>[]> {
  const found: LogBody[] = [];
  for await (const { body } of readLog(log.folder)) if (body.kind === kind) found.push(body);
  return found as Extract<LogBody, { kind: K }>[];
}

describe('shipped', () => {
  it('has one result, the events of the wire, and all of it in the log', async () => {
    const { result } = await dispatch(SCRIPT);
    expect(await file()).toBe('const a = 2;\n');
    expect(result).toEqual({
      taskId: 'task-7',
      role: 'coder',
      personaSlug: 'hiroshi',
      status: 'shipped',
      summary: 'a is two.',
      filesChanged: ['src/a.ts'],
      toolCallCount: 2,
      tokensIn: 450,
      tokensOut: 60,
      durationMs: 0,
      permissionDecisions: [
        { toolCallId: 'call_1_1', toolName: 'read', decision: 'allow', rule: 'mode:acceptEdits' },
        { toolCallId: 'call_2_1', toolName: 'edit', decision: 'allow', rule: 'mode:acceptEdits' },
      ],
    });
    expect(subagentResultSchema.parse(result)).toEqual(result);
    expect(types()).toEqual(['spawned', 'tool_call', 'tool_call', 'completed']);
    expect((await logged('event')).map(({ event }) => event)).toEqual(events);
    expect((await logged('call')).map((one) => one.arguments)).toEqual([READ.arguments, EDIT.arguments]);
    expect(await verifyLog(log.folder, log.last)).toMatchObject({ ok: true });
    // What the calls had noted is not needed any more.
    expect(await readdir(join(log.folder, 'calls'))).toEqual([]);
  });

  it('tells the wire nothing of what a call was given (invariant 3)', async () => {
    const secret = { name: 'write', arguments: { path: 'src/b.ts', content: 'marker-7f3a' } };
    await dispatch([{ calls: [secret] }, { text: 'done' }]);
    expect(JSON.stringify(events)).not.toContain('marker-7f3a');
    expect(JSON.stringify(await logged('call'))).toContain('marker-7f3a');
  });

  it('after a call that could not be made, and was mended', async () => {
    const { result } = await dispatch([
      { calls: [EDIT] },
      { after: 'Read "src/a.ts" before you change it.', calls: [{ name: 'read', arguments: '{"path":' }] },
      { after: 'The arguments are no JSON', calls: [READ] },
      { calls: [EDIT] },
      { text: 'done' },
    ]);
    expect([result.status, await file()]).toEqual(['shipped', 'const a = 2;\n']);
  });
});

describe('blocked', () => {
  it.each<[string, Partial<SubagentTask>, ScriptedTurn['calls'], string, RegExp]>([
    [
      'by plan mode',
      { permissionMode: 'plan' },
      [READ, EDIT],
      'plan_mode_refused',
      /It writes "src\/a\.ts"\. \(mode:plan\)/,
    ],
    [
      'by a path',
      { deniedPaths: ['src'] },
      [READ],
      'permission_denied',
      /a place that is denied\. \(path:denied\)/,
    ],
    [
      'by a path that is not allowed',
      { allowedPaths: ['docs'] },
      [READ],
      'permission_denied',
      /path:not-allowed/,
    ],
    ['by its tier', { role: 'reviewer' }, [READ, EDIT], 'permission_denied', /\(tier:shared_fs_readonly\)/],
    [
      'by a tool that is not there',
      {},
      [{ name: 'bash', arguments: {} }],
      'tool_unavailable',
      /no tool "bash" here/,
    ],
    ['by nobody to ask', { permissionMode: 'ask' }, [READ, EDIT], 'permission_denied', /nobody can answer/],
  ])('%s: nothing after it is done (invariant 4)', async (_, task, calls, reason, detail) => {
    const { result } = await dispatch([{ calls: calls! }, { text: 'never' }], { task: { ...TASK, ...task } });
    expect(result).toMatchObject({
      status: 'blocked',
      summary: expect.stringMatching(detail),
      filesChanged: [],
    });
    expect(events.at(-1)).toMatchObject({ type: 'subagent.blocked', reason });
    expect(await file()).toBe('const a = 1;\n');
  });

  it.each([
    [{ tokens: 20_000 }, /may take \d+ tokens; 15050 of 20000 tokens/],
    [{ dollars: 0.02 }, /may cost more than is left; .+ and \$0\.015\d of \$0\.0200 are spent/],
  ])('by a budget of %j before the call that would pass it (invariant 2)', async (budget, detail) => {
    const engine = new ScriptedEngine([{ calls: [READ], usage: { in: 15_000, out: 50 } }, { text: 'never' }]);
    const { result, account } = await dispatch(engine, {
      task: { ...TASK, budget },
      system: 's',
      answerTokens: 60,
      prices: priceTableSchema.parse({ models: { scripted: { inputPerMillion: 1, outputPerMillion: 1 } } }),
    });
    expect(engine.asked).toHaveLength(1);
    expect(result).toMatchObject({ status: 'blocked', summary: expect.stringMatching(detail) });
    expect(events.at(-1)).toMatchObject({ type: 'subagent.blocked', reason: 'budget_exhausted' });
    expect(account.spent.tokens).toBeLessThanOrEqual(account.caps.tokens);
  });

  it('by a model without a price: failed, and not asked', async () => {
    const engine = new ScriptedEngine(SCRIPT);
    const { result } = await dispatch(engine, { prices: priceTableSchema.parse({ models: {} }) });
    expect(result).toMatchObject({ status: 'failed', summary: 'The model "scripted" has no price.' });
    expect(engine.asked).toEqual([]);
  });
});

describe('what is asked', () => {
  const task = { ...TASK, permissionMode: 'ask' as const };

  it('and approved is done', async () => {
    const asked: string[] = [];
    const { result } = await dispatch(SCRIPT, {
      task,
      ask: (call, { rule, why }) => {
        asked.push(`${call.name} ${rule} ${why}`);
        return Promise.resolve('approved');
      },
    });
    expect(asked).toEqual(['edit mode:ask It writes "src/a.ts".']);
    expect([result.status, await file()]).toEqual(['shipped', 'const a = 2;\n']);
    expect(result.permissionDecisions?.[1]).toMatchObject({ decision: 'ask', answer: 'approved' });
  });

  it('and refused ends it', async () => {
    const { result } = await dispatch(SCRIPT, { task, ask: () => Promise.resolve('refused') });
    expect([result.status, await file()]).toEqual(['blocked', 'const a = 1;\n']);
    expect(events.at(-1)).toMatchObject({ reason: 'permission_denied' });
  });

  it('is not done when it would do something else by the time it is approved', async () => {
    await mkdir(join(root, 'other'));
    const write = { name: 'write', arguments: { path: 'src/new/b.ts', content: 'x' } };
    const { result } = await dispatch(
      [{ calls: [write] }, { after: 'has changed since it was approved', text: 'end' }],
      {
        task,
        ask: async () => {
          await symlink('../other', join(root, 'src/new'));
          return 'approved';
        },
      },
    );
    expect(await readdir(join(root, 'other'))).toEqual([]);
    expect(result.status).toBe('shipped');
  });
});

describe('failed', () => {
  it('has one printable line, and its stack in the log alone', async () => {
    const { result } = await dispatch([{ fails: 'the server said\n500 \u001b[31m' }]);
    expect(result).toMatchObject({ status: 'failed', summary: 'the server said 500 [31m' });
    expect(events.at(-1)).toMatchObject({ type: 'subagent.failed', error: 'the server said 500 [31m' });
    const [failure] = await logged('failure');
    expect(failure?.stack).toContain('scripted.ts');
    expect(JSON.stringify(events)).not.toContain('scripted.ts');
  });

  it('when a write has failed for good (invariant 5)', async () => {
    const { result } = await dispatch([{ calls: [EDIT] }, { text: 'All done!' }]);
    expect(result).toMatchObject({ status: 'failed', summary: 'It ended with writes that failed: src/a.ts' });
  });

  it('counts all that a call may have used that was broken off, and nothing of one that was refused', async () => {
    const failing = (wasRefused: boolean): Engine => ({
      model: 'scripted',
      turn: () => Promise.reject(new EngineError('no', wasRefused)),
    });
    const unknown = await dispatch(failing(false), { answerTokens: 50 });
    expect(unknown.account.spent.tokensOut).toBe(50);
    expect((await dispatch(failing(true))).account.spent.tokens).toBe(0);
  });
});

it('cancelled: has its result, and does nothing more (invariant 1)', async () => {
  const controller = new AbortController();
  const { result } = await dispatch(SCRIPT, {
    signal: controller.signal,
    onEvent: (event) => {
      events.push(event);
      if (event.type === 'subagent.tool_call') controller.abort();
    },
  });
  expect(result).toMatchObject({ status: 'cancelled', toolCallCount: 1, filesChanged: [] });
  expect(await file()).toBe('const a = 1;\n');
});

describe('a child', () => {
  it('is bound by its parent, and gives back what it did not spend', async () => {
    const account = openAccount({ tokens: 10_000, dollars: 1, wallClockMs: 60_000 }, NOW);
    const ceiling = ceilingOf({
      permissionMode: 'acceptEdits',
      isolation: 'worktree',
      deniedPaths: ['src/b.ts'],
      attended: false,
    });
    const { result, parentAccount } = await dispatch(SCRIPT, {
      task: { ...TASK, permissionMode: 'bypassPermissions' },
      parent: { sessionId: 's', account, ceiling },
    });
    expect(result.status).toBe('shipped');
    expect(events[0]).toMatchObject({ parentSessionId: 's' });
    expect(restOf(parentAccount!).tokens).toBe(10_000 - 510);
    const write = { name: 'write', arguments: { path: 'src/b.ts', content: '' } };
    const denied = await dispatch([{ calls: [write] }], {
      task: { ...TASK, id: 'task-8', permissionMode: 'bypassPermissions' },
      parent: { sessionId: 's', account, ceiling },
    });
    expect(denied.result.status).toBe('blocked');
  });

  it('of a parent that has nothing left is blocked at its first turn', async () => {
    const account = openAccount({ tokens: 0, dollars: 1, wallClockMs: 60_000 }, NOW);
    const engine = new ScriptedEngine(SCRIPT);
    const { result } = await dispatch(engine, { parent: { sessionId: 's', account } });
    expect([result.status, engine.asked.length]).toEqual(['blocked', 0]);
  });
});

it.each([
  [{ role: 'verifier' as const }, /is no git repository/],
  [{ prompt: '' }, /^prompt: must not be empty/],
  [{ deniedPaths: ['../x'] }, /^deniedPaths\.0: "\.\.\/x" has "\.\."/],
])('is not begun with %j', async (more, message) => {
  await expect(dispatch(SCRIPT, { task: { ...TASK, ...more } })).rejects.toThrow(message);
  expect(events).toEqual([]);
});
