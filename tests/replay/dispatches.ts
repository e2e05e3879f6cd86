import {
  DISPATCH_ANSWER_SIGNAL,
  DISPATCH_PAUSE_SIGNAL,
  DISPATCH_RESUME_SIGNAL,
  remoteQueue,
  type DispatchRun,
} from '@pegasus-workflows/contracts';
import { expect } from 'vitest';
import { eventually } from '../support/wait.js';
import { type Activities, type Steps } from './support.js';

/** Histories of the platform's own workflow, `pegasusDispatch`, that are kept of each release. */
export interface DispatchRecording {
  state: string;
  run: DispatchRun;
  steps: Steps;
  activities: Activities;
}

const TENANT = '11111111-1111-4111-8111-111111111111';
const ID = '22222222-2222-4222-8222-222222222222';
/** Where what is moved to another host is worked on. */
export const ELSEWHERE = remoteQueue(TENANT);

interface Call {
  id: string;
  name: string;
  arguments: string;
}
interface Asked {
  turn: number;
  where: { taskId: string };
}
interface Attempted {
  call: Call;
  approved?: string;
}

const call = (name: string, given: object, id = name): Call => ({
  id,
  name,
  arguments: JSON.stringify(given),
});
const turn = (toolCalls: Call[], text = '') => ({
  text,
  toolCalls,
  usage: { in: 10, out: 5 },
  finish: toolCalls.length > 0 ? 'tool_calls' : 'stop',
});

const LOOKS = turn([call('read', { path: 'a.txt' }), call('glob', { pattern: '*' })], 'I look.');
const WRITES = turn([call('write', { path: 'a.txt', content: 'a' })]);
const DONE = turn([], 'Done.');
const HANDS_ON = turn([
  call('dispatch_subagent', { role: 'architect', prompt: 'Look.', permissionMode: 'plan' }),
]);

/** A host that has no files: what its models say, and what comes of calls. A write is asked for, a command is denied. */
function host(turns: readonly object[], opened: object = {}): Activities {
  const bundle = { bytes: 1, parts: ['part'] };
  const handed = { base: 'base', work: 'work', bundle };
  const ruled = (verdict: string) => ({ verdict, rule: `test:${verdict}`, why: 'It is a test.' });
  return {
    openDispatch: () => ({
      model: 'm',
      prices: { models: { m: { inputPerMillion: 1, outputPerMillion: 1 } }, allowUnknown: false },
      system: 'You are a coder.',
      tools: [],
      answerTokens: 1_000,
      contextTokens: 100_000,
      heartbeatTimeoutMs: 10_000,
      ...opened,
    }),
    askModel: ({ turn: n, where }: Asked) => (where.taskId === ID ? turns[n - 1] : DONE),
    attemptCall: ({ call: { name, arguments: given }, approved }: Attempted) => {
      const told = { effects: 'effects', arguments: JSON.parse(given) as unknown };
      const outcome = { ok: true, text: 'done', writes: [], filesChanged: [], reads: {} };
      if (name === 'bash') return { ...told, decision: ruled('deny') };
      if (name !== 'write') return { ...told, decision: ruled('allow'), outcome };
      const written = { ...outcome, writes: ['a.txt'], filesChanged: ['a.txt'] };
      return { ...told, decision: ruled('ask'), ...(approved === undefined ? {} : { outcome: written }) };
    },
    writeRecords: () => undefined,
    closeDispatch: ({ result }: { result: object }) => result,
    handOver: () => handed,
    takeOver: () => ({ queue: ELSEWHERE }),
    giveBack: () => ({ commit: 'commit', bundle }),
    takeBack: () => ({ filesChanged: ['a.txt'], notes: ['On a branch.'] }),
  };
}

const task = { id: ID, role: 'coder', permissionMode: 'ask', prompt: 'Do it.' } as const;
const run: DispatchRun = {
  dispatchId: ID,
  tenantId: TENANT,
  workspace: 'shop',
  task,
  model: null,
  merge: 'leave',
  parentSessionId: ID,
};

const toItsEnd: Steps = async (handle) => void (await handle.result());
/** The question is open: its last event is that of a workflow task, and nothing is under way. */
const untilItAsks: Steps = async (handle) => {
  await eventually(async () => {
    const { events } = await handle.fetchHistory();
    const names = events!.map(({ activityTaskScheduledEventAttributes: it }) => it?.activityType?.name);
    expect(names).toContain('writeRecords');
    expect(events!.at(-1)!.workflowTaskCompletedEventAttributes).toBeTruthy();
  });
};
const answered =
  (then: Steps): Steps =>
  async (handle) => {
    await untilItAsks(handle);
    await handle.signal(DISPATCH_ANSWER_SIGNAL, { questionId: `${ID}/2.1`, answer: 'approved' });
    await then(handle);
  };

const whole = host([LOOKS, WRITES, DONE]);

export const DISPATCH_RECORDINGS: readonly DispatchRecording[] = [
  { state: 'waiting', run, steps: untilItAsks, activities: whole },
  { state: 'shipped', run, steps: answered(toItsEnd), activities: whole },
  {
    state: 'paused',
    run,
    activities: whole,
    steps: async (handle) => {
      await untilItAsks(handle);
      await handle.signal(DISPATCH_PAUSE_SIGNAL);
      await handle.signal(DISPATCH_ANSWER_SIGNAL, { questionId: `${ID}/2.1`, answer: 'approved' });
      await untilItAsks(handle);
      await handle.signal(DISPATCH_RESUME_SIGNAL);
      await toItsEnd(handle);
    },
  },
  {
    state: 'cancelled',
    run,
    activities: whole,
    steps: async (handle) => {
      await untilItAsks(handle);
      await handle.cancel();
      await toItsEnd(handle);
    },
  },
  {
    state: 'blocked',
    run,
    steps: toItsEnd,
    activities: host([turn([call('bash', { command: 'rm -rf /' })])]),
  },
  {
    state: 'with a child',
    run: { ...run, task: { ...task, role: 'orchestrator' } },
    steps: toItsEnd,
    activities: host([HANDS_ON, DONE]),
  },
  {
    state: 'on another host',
    run: { ...run, isolation: 'remote_vm', merge: 'auto' },
    steps: toItsEnd,
    activities: host([LOOKS, DONE]),
  },
  {
    state: 'by an agent that is a program',
    run,
    steps: toItsEnd,
    activities: host([LOOKS, DONE], { keepsConversation: true }),
  },
];
