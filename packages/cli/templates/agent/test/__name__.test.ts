import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { createTestHarness, manualInput, runActivity, type TestHarness } from 'pegasus-workflows-sdk/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import * as activities from '../__name__/activities/index.js';
import {
  approveSignal,
  __camelName__Workflow,
  denySignal,
  statusQuery,
  transcriptQuery,
} from '../__name__/workflow.js';
import { startScriptedModel, type Reply, type ScriptedModel } from './scripted-model.js';

let harness: TestHarness;
let model: ScriptedModel;
let workspace: string;
let workflowId: string;

beforeAll(async () => {
  const workflowsPath = fileURLToPath(new URL('../__name__/workflow.ts', import.meta.url));
  harness = await createTestHarness({ workflowsPath, activities, logLevel: 'ERROR' });
}, 300_000);
afterAll(() => harness?.close());

beforeEach(async () => {
  workspace = await mkdtemp(path.join(tmpdir(), 'agent-'));
  workflowId = `test/${randomUUID()}`;
  vi.stubEnv('AGENT_WORKSPACE', workspace);
  vi.stubEnv('MODEL_NAME', 'scripted');
  vi.stubEnv('MODEL_API_KEY', 'a-key');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await model[Symbol.asyncDispose]();
  await rm(workspace, { recursive: true });
});

async function modelThat(...script: Reply[]): Promise<void> {
  model = await startScriptedModel(script);
  vi.stubEnv('MODEL_URL', model.url);
}
const task = (prompt = 'Do it.', budget = {}) => manualInput({ prompt, budget });
const inWorkspace = (file: string): string => path.join(workspace, file);
/** What the tools answered, as the model was told. */
const toldBack = (): unknown[] =>
  (model.requests.at(-1)?.messages ?? []).flatMap((message) =>
    message.role === 'tool' ? [message.content] : [],
  );

describe('the loop', () => {
  it('uses tools until the model answers, and keeps the transcript', async () => {
    await writeFile(inWorkspace('notes.txt'), 'buy milk');
    await modelThat(
      {
        calls: [
          ['listFiles', { path: '.' }],
          ['readTextFile', { path: 'notes.txt' }],
        ],
      },
      { says: 'You want milk.' },
    );
    const handle = await harness.start(__camelName__Workflow, task('What do I want?'), { workflowId });
    expect(await handle.result()).toEqual({
      outcome: 'answered',
      answer: 'You want milk.',
      turns: 2,
      tokens: 200,
    });
    const transcript = await handle.query(transcriptQuery);
    expect(transcript.map(({ role }) => role)).toEqual([
      'system',
      'user',
      'assistant',
      'tool',
      'tool',
      'assistant',
    ]);
    expect(toldBack()).toEqual(['notes.txt', 'buy milk']);
  });

  it('sends a key of its own with each turn, and the API key as a header alone', async () => {
    await modelThat({ calls: [['listFiles', { path: '.' }]] }, { says: 'done' });
    const handle = await harness.start(__camelName__Workflow, task(), { workflowId });
    await handle.result();
    expect(model.requests.map(({ headers }) => headers['idempotency-key'])).toEqual([
      `${workflowId}/turn-0`,
      `${workflowId}/turn-1`,
    ]);
    expect(model.requests[0]?.headers.authorization).toBe('Bearer a-key');
    expect(JSON.stringify(await handle.fetchHistory())).not.toContain('a-key');
  });

  it('goes on in a fresh run when the history grows', async () => {
    const reads: Reply[] = Array.from({ length: 25 }, () => ({ calls: [['listFiles', { path: '.' }]] }));
    await modelThat(...reads, { says: 'done' });
    expect(await harness.run(__camelName__Workflow, task(), { workflowId })).toMatchObject({
      outcome: 'answered',
      turns: 26,
    });
    expect(model.requests.at(-1)?.messages).toHaveLength(2 + 25 * 2);
  });

  it('tells the model about its own mistakes', async () => {
    await modelThat(
      {
        calls: [
          ['fly', {}],
          ['readTextFile', '{"path'],
          ['readTextFile', {}],
          ['readTextFile', { path: '../../etc/passwd' }],
        ],
      },
      { says: 'sorry' },
    );
    await harness.run(__camelName__Workflow, task(), { workflowId });
    expect(toldBack()).toEqual([
      'There is no tool fly; there are: listFiles, readTextFile, writeTextFile, runCommand.',
      'The arguments of readTextFile are not JSON.',
      'readTextFile needs, as strings: path.',
      'readTextFile failed: "../../etc/passwd" is outside of the workspace',
    ]);
  });
});

describe('the budget', () => {
  it.each([
    [{ turns: 3 }, { outcome: 'out of turns', turns: 3, tokens: 300 }],
    [{ tokens: 150 }, { outcome: 'out of tokens', turns: 2, tokens: 200 }],
  ])('%o ends the run', async (budget, expected) => {
    await modelThat({ calls: [['listFiles', { path: '.' }]] });
    const outcome = await harness.run(__camelName__Workflow, task('Go on.', budget), { workflowId });
    expect(outcome).toEqual({ ...expected, answer: null });
  });
});

describe('a dangerous tool', () => {
  const write: Reply = { calls: [['writeTextFile', { path: 'new.txt', content: 'hello' }]] };
  const startAndAsk = async () => {
    const handle = await harness.start(__camelName__Workflow, task(), { workflowId });
    await vi.waitFor(async () => expect((await handle.query(statusQuery)).pending).not.toBeNull(), 30_000);
    return handle;
  };

  it('is used when a person approves', async () => {
    await modelThat(write, { says: 'written' });
    const handle = await startAndAsk();
    expect(await handle.query(statusQuery)).toMatchObject({
      phase: 'awaiting approval',
      pending: { callId: 'call-1-1', tool: 'writeTextFile', args: { path: 'new.txt' } },
    });
    await handle.signal(approveSignal, 'call-1-1', 'ada');
    expect(await handle.result()).toMatchObject({ answer: 'written' });
    expect(await readFile(inWorkspace('new.txt'), 'utf8')).toBe('hello');
  });

  it('is not used when a person denies, and the model is told why', async () => {
    await modelThat(write, { says: 'as you wish' });
    const handle = await startAndAsk();
    await handle.signal(denySignal, 'call-1-1', 'ada', 'not today');
    await handle.result();
    expect(toldBack()).toEqual(['ada does not allow this: not today']);
  });

  it('is not used when nobody answers for a day', async () => {
    await modelThat(write, { says: 'without, then' });
    await harness.run(__camelName__Workflow, task(), { workflowId });
    expect(toldBack()).toEqual(['Nobody approved this in time. Go on without it.']);
  });
});

describe('askModel', () => {
  const ask = () => runActivity(activities.askModel, [[], 'key'], { maximumAttempts: 3 });

  it('is tried again when the server fails', async () => {
    await modelThat({ fails: 503 }, { fails: 429 }, { says: 'here' });
    expect(await ask()).toMatchObject({ attempts: 3, result: { message: { content: 'here' }, tokens: 100 } });
  });

  it('is not tried again when the model refuses', async () => {
    await modelThat({ fails: 401 });
    await expect(ask()).rejects.toMatchObject({
      type: 'ModelRefused',
      message: 'the model answered 401: not now',
    });
    expect(model.requests).toHaveLength(1);
  });
});

describe('runCommand', () => {
  it('runs once per key, and tells how it ended', async () => {
    await modelThat({ says: 'unused' });
    const count = { command: 'echo again >> count.txt; exit 3' };
    for (const key of ['a', 'a', 'b']) {
      const { result } = await runActivity(activities.runCommand, [count, key]);
      expect(result).toBe('exit code 3\n');
    }
    expect(await readFile(inWorkspace('count.txt'), 'utf8')).toBe('again\nagain\n');
  });
});
