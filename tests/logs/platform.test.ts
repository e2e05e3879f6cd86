import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Log } from '@pegasus-workflows/contracts';
import { PegasusClient } from 'pegasus-workflows-sdk/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestPlatform, type TestPlatform } from '../support/platform.js';
import { publishProject } from '../support/publish.js';
import { eventually } from '../support/wait.js';

/** What runs log, on a whole platform: where it goes, what is left out of it, and what is never in it. */
const MINUTES = 60_000;
const FIXTURE = join(import.meta.dirname, 'fixtures/talkative');
const SECRET = 'p/ss+w=rd "with" ünusual characters';

let platform: TestPlatform;
let client: PegasusClient;
let workflowId: string;
beforeAll(async () => {
  platform = await startTestPlatform({ env: { LOG_LEVEL: 'info' } });
  client = new PegasusClient({ baseUrl: platform.url, token: platform.tenant.apiKey });
  await client.secrets.set('API_KEY', SECRET);
  ({ id: workflowId } = await publishProject(client, FIXTURE));
}, 5 * MINUTES);
afterAll(() => platform?.dispose());

async function run(input: Record<string, unknown>, workflow = workflowId): Promise<string> {
  const { id } = await client.workflows.run(workflow, { input });
  await client.executions.wait(workflow, id, { timeoutMs: 2 * MINUTES });
  return id;
}

/** The log of an execution, once it holds these messages. */
function logOf(id: string, messages: readonly string[], workflow = workflowId): Promise<Log[]> {
  return eventually(async () => {
    const logs = await client.executions.logs(workflow, id, { limit: 1000 });
    for (const message of messages) expect(logs.map((log) => log.message)).toContain(message);
    return logs;
  });
}
const said = (logs: readonly Log[], message: string): Log => logs.find((log) => log.message === message)!;

describe('the log of an execution', () => {
  it('has what workflow and activity said, in order, with level, step and attempt', async () => {
    const id = await run({ do: 'speak' });
    const logs = await logOf(id, ['it ends', 'in two pieces', 'workflow console']);
    const { temporalRunId: runId } = await client.executions.get(workflowId, id);
    expect(logs.every((log) => log.runId === runId || log.runId === undefined)).toBe(true);
    const step = { source: 'activity', activityType: 'speak', activityId: '1', attempt: 1 };
    expect(said(logs, 'it begins')).toMatchObject({
      source: 'workflow',
      level: 'info',
      attributes: { do: 'speak' },
    });
    expect(said(logs, 'workflow console')).toMatchObject({ source: 'workflow', level: 'info' });
    expect(said(logs, 'workflow console error')).toMatchObject({ source: 'workflow', level: 'error' });
    expect(said(logs, 'by the logger')).toMatchObject({
      ...step,
      level: 'info',
      attributes: { order: 17, nested: { deep: [1, 2] } },
    });
    expect(said(logs, 'by the console: formatted')).toMatchObject({ ...step, level: 'info' });
    expect(said(logs, 'by console.warn')).toMatchObject({ ...step, level: 'warn' });
    expect(said(logs, 'in two pieces')).toMatchObject(step);
    expect(said(logs, 'nul \ufffd and half \ufffd').attributes).toEqual({ key: '\ufffd' });
    const error = logs.find((log) => log.message.startsWith('Error: by console.error'))!;
    expect(error).toMatchObject({ ...step, level: 'error' });
    expect(error.message).toContain('activities');
    const order = ['it begins', 'by the logger', 'by console.warn', 'in two pieces', 'it ends'];
    expect(logs.map((log) => log.message).filter((message) => order.includes(message))).toEqual(order);
    expect(logs.map((log) => log.id)).toEqual(logs.map((_, n) => String(n + 1)));
  }, 2 * MINUTES); // prettier-ignore

  it('has every attempt with its number, and why it failed', async () => {
    const logs = await logOf(await run({ do: 'stumble' }), ['it ends']);
    const attempts = logs.filter((log) => log.message === 'stumbling');
    expect(attempts.map((log) => log.attempt)).toEqual([1, 2, 3]);
    const failures = logs.filter((log) => log.message === 'Activity failed');
    expect(failures.map((log) => [log.attempt, log.level])).toEqual([[1, 'warn'], [2, 'warn']]); // prettier-ignore
    expect(failures[0]!.attributes!['error']).toMatch(/no luck with attempt 1[^]*activities\.ts:\d+/);
  }, 2 * MINUTES); // prettier-ignore

  it('has what its child runs said, with the child’s id', async () => {
    const id = await run({ do: 'child' });
    const logs = await logOf(id, ['a child for Ada', 'a quiet word', 'it ends', 'child console']);
    const children = new Set(['a child for Ada', 'a quiet word', 'child console'].map((m) => said(logs, m).childWorkflowId)); // prettier-ignore
    expect(children.size).toBe(1);
    expect([...children][0]).toEqual(expect.any(String));
    expect(said(logs, 'it ends').childWorkflowId).toBeUndefined();
  }, 2 * MINUTES); // prettier-ignore

  it('has the error that ended it', async () => {
    const logs = await logOf(await run({ do: 'fail' }), ['Workflow failed']);
    expect(said(logs, 'Workflow failed').attributes!['error']).toContain('it went wrong');
  }, 2 * MINUTES); // prettier-ignore

  it('is filtered by level, step and time, and paged', async () => {
    const id = await run({ do: 'speak' });
    const all = await logOf(id, ['it ends']);
    const list = (query: object) => client.executions.logs(workflowId, id, query);
    const urgent = await list({ level: 'warn' });
    expect(urgent).toEqual(all.filter(({ level }) => level === 'warn' || level === 'error'));
    const step = await list({ step: 'speak' });
    expect(step).toEqual(all.filter(({ activityType }) => activityType === 'speak'));
    expect(await list({ step: '1' })).toEqual(step);
    const { at } = said(all, 'it ends');
    expect((await list({ since: at })).map(({ message }) => message)).toContain('it ends');
    expect(await list({ since: new Date(Date.parse(at) + MINUTES) })).toEqual([]);
    const paged: Log[] = [];
    for (let after: string | undefined; ;) {
      const page: Log[] = await list({ limit: 3, after });
      if (page.length === 0) break;
      paged.push(...page);
      after = page.at(-1)!.id;
    }
    expect(paged).toEqual(all);
  }, 2 * MINUTES); // prettier-ignore

  it('is told live, and ends after it', async () => {
    const { id } = await client.workflows.run(workflowId, { input: { do: 'speak' } });
    const told: Log[] = [];
    let last = '';
    for await (const event of client.live.execution(workflowId, id, { logs: true })) {
      if (event.type === 'log') told.push(...event.entries);
      last = event.type === 'execution' ? event.execution.status : event.type;
    }
    expect(last).toBe('COMPLETED');
    expect(told).toEqual(await client.executions.logs(workflowId, id));
    expect(told.map(({ message }) => message)).toContain('it ends');
  }, 2 * MINUTES); // prettier-ignore
});

describe('what belongs to no execution', () => {
  it('is in the log of the workflow', async () => {
    await run({ do: 'speak' });
    const messages = await eventually(async () => {
      const logs = await client.workflows.logs(workflowId);
      const found = logs.map(({ message }) => message);
      for (const message of ['the module was loaded', 'past the console', 'after the end'])
        expect(found).toContain(message);
      return found;
    });
    expect(messages).not.toContain('by the logger');
  }, 2 * MINUTES); // prettier-ignore
});

describe('secrets', () => {
  it('are in no log, in no form, nor is the runtime token', async () => {
    const id = await run({ do: 'leak' });
    const logs = await logOf(id, ['it ends', 'it is [redacted]!']);
    const text = JSON.stringify(logs);
    const forms = [
      SECRET,
      JSON.stringify(SECRET).slice(1, -1),
      encodeURIComponent(SECRET),
      Buffer.from(SECRET).toString('base64'),
      Buffer.from(`user:${SECRET}`).toString('base64').slice(8),
      'eyJ',
    ];
    for (const form of forms) expect(text).not.toContain(form);
    expect(logs.filter(({ message }) => message === '[redacted]')).toHaveLength(2);
    expect(said(logs, 'it is [redacted]!').attributes).toMatchObject({ '[redacted]': 'as a key' });
  }, 2 * MINUTES); // prettier-ignore

  it('nor is anything of tenant code in the supervisor’s log', async () => {
    await logOf(await run({ do: 'speak' }), ['it ends']);
    const log = await readFile(join(platform.dataDir, 'logs/runner.log'), 'utf8');
    for (const marker of ['by the logger', 'by the console', 'the module was loaded', 'past the console'])
      expect(log).not.toContain(marker);
    expect(log).toContain('artifact loaded');
  }, 2 * MINUTES); // prettier-ignore
});

/** All pages of a run's log. */
async function wholeLog(workflow: string, execution: string): Promise<Log[]> {
  const found: Log[] = [];
  for (let after: string | undefined; ;) {
    const page = await client.executions.logs(workflow, execution, { limit: 1000, after });
    found.push(...page);
    if (page.length < 1000) return found;
    after = page.at(-1)!.id;
  }
}

describe('a flood', () => {
  it('is bounded, says what is missing, and leaves the neighbour’s log alone', async () => {
    const { id: flooding } = await publishProject(client, FIXTURE, { version: '1.0.1' });
    const lines = 100_000;
    const [loud, quiet] = await Promise.all([run({ do: 'flood', lines }, flooding), run({ do: 'speak' })]);
    await logOf(quiet, ['it ends', 'by the logger', 'in two pieces']);
    // While entries still arrive the last part moves on, and pages that are read one after another hold more than is kept.
    await eventually(async () => {
      const logs = await wholeLog(flooding, loud);
      expect(logs.length).toBeLessThanOrEqual(2_001);
      const kept = logs.filter(({ message }) => message.startsWith('line '));
      expect(kept[0]!.message).toBe(`line 1 of ${lines}`);
      const dropped = logs.flatMap(({ message }) => /^(\d+) log entries were dropped here/.exec(message)?.[1] ?? []);
      const leftOut = logs.flatMap(({ message }) => /^(\d+) entries were left out/.exec(message)?.[1] ?? []);
      expect(dropped).not.toEqual([]);
      const all = [...dropped, ...leftOut].reduce((sum, count) => sum + Number(count), 0);
      // Each of the lines is here, or counted as dropped, or as left out; a note of dropped ones may be left out itself.
      expect(all + kept.length).toBeLessThanOrEqual(lines + 10);
      expect(all).toBeGreaterThan(lines - 6_000);
    });
  }, 3 * MINUTES); // prettier-ignore
});
