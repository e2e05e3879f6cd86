import { randomUUID } from 'node:crypto';
import { LIMITS, temporalWorkflowId, type Log, type RunnerLogEntry } from '@pegasus-workflows/contracts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { schema } from '../../packages/server/src/index.js';
import { expireLogs } from '../../packages/server/src/logs/retention.js';
import { artifact } from '../server/artifacts.js';
import { expectGolden } from '../server/golden.js';
import { forEachDialect, testServer, type TestServer } from '../server/support.js';

/** What the server does with batches of log entries: the numbers are those of `logs/writer.ts` and `logs/store.ts`. */
const SECRET = 'a-secret-of-tenant-a';
const SECRETS = '/api/v1/workflow-secrets-configs/secrets';
const AT = Date.parse('2026-01-31T09:15:02.123Z');

forEachDialect('the intake of logs', (open) => {
  let server: TestServer;
  let workflowId: string;
  const producer = randomUUID();
  let sequence = 0;
  beforeAll(async () => {
    server = await testServer(await open());
    const { key } = server.tenants.a;
    workflowId = (await server.publish(key, artifact())).body.data.id;
    const set = await server.call('POST', SECRETS, { key, body: { key: 'TOKEN', value: SECRET } });
    expect(set.status).toBe(201);
  });
  afterAll(() => server?.close());

  async function execution(tenantId = server.tenants.a.id): Promise<string> {
    const id = randomUUID();
    await server.services.db.tenant(tenantId, (tx) =>
      tx.insert(schema.executions).values({
        id,
        tenantId,
        workflowId,
        status: 'RUNNING',
        temporalWorkflowId: temporalWorkflowId(tenantId, 'demo', id),
        triggerSource: 'USER',
      }),
    );
    return id;
  }
  const entry = (message: string, over: Partial<RunnerLogEntry> = {}): RunnerLogEntry => ({
    at: AT,
    level: 'info',
    source: 'workflow',
    message,
    ...over,
  });
  async function send(entries: RunnerLogEntry[], over: object = {}): Promise<number> {
    const body = { producer, sequence: ++sequence, tenantId: server.tenants.a.id, entries, ...over };
    const key = server.settings.runnerToken;
    const reply = await server.call('POST', '/internal/v1/execution-logs', { key, body });
    expect(reply.status, JSON.stringify(reply.body)).toBe(200);
    return (reply.body as unknown as { stored: number }).stored;
  }
  const logs = (id: string, query = '') =>
    server.call<Log[]>('GET', `/api/v1/workflows/${workflowId}/executions/${id}/logs${query}`, {
      key: server.tenants.a.key,
    });
  const messages = async (id: string, query = '?limit=1000') =>
    (await logs(id, query)).body.data.map(({ message }) => message);

  it('writer 1: stores a batch once, however often and by whichever server it is sent', async () => {
    const executionId = await execution();
    const batch = [entry('once', { executionId }), entry('and twice', { executionId })];
    expect(await send(batch)).toBe(2);
    expect(await send(batch, { sequence })).toBe(0);
    const again = (sequence += 1_000);
    const answers = await Promise.all([1, 2, 3].map(() => send(batch, { sequence: again })));
    expect(answers.sort()).toEqual([0, 0, 2]);
    sequence += 1_000;
    expect(await messages(executionId)).toEqual(['once', 'and twice', 'once', 'and twice']);
  });

  it('writer 2: nothing is stored with a secret in it, whenever that was set', async () => {
    const executionId = await execution();
    const attributes = { url: `https://x.test/?k=${SECRET}`, [SECRET]: 1 };
    await send([entry(`is ${SECRET}!`, { executionId, attributes, activityType: SECRET })]);
    const rows = await server.services.db.system((tx) => tx.select().from(schema.executionLogs));
    expect(JSON.stringify(rows)).not.toContain(SECRET);
    expect((await logs(executionId)).body.data[0]).toMatchObject({
      message: 'is [redacted]!',
      activityType: '[redacted]',
      attributes: { url: 'https://x.test/?k=[redacted]', '[redacted]': 1 },
    });
    const { key } = server.tenants.a;
    await server.call('POST', SECRETS, { key, body: { key: 'NEWER', value: 'newer-value' } });
    await send([entry('a newer-value at once', { executionId })]);
    expect(await messages(executionId)).toContain('a [redacted] at once');
  });

  it('keeps nothing for what is not the tenant’s', async () => {
    const executionId = await execution(server.tenants.b.id);
    const mine = await execution();
    expect(await send([entry('foreign', { executionId }), entry('mine', { executionId: mine })])).toBe(1);
    expect(await send([entry('nobody’s', { workflowId: randomUUID() })])).toBe(0);
    expect(await send([entry('no tenant', { executionId })], { tenantId: randomUUID() })).toBe(0);
  });

  it('store 1, 2: keeps the first and the last of many, and says how many are missing between', async () => {
    const executionId = await execution();
    const total = LIMITS.logFirstEntries + LIMITS.logLastEntries + 500;
    const all = Array.from({ length: total }, (_, n) => entry(`n${n + 1}`, { executionId }));
    for (let n = 0; n < total; n += 500) await send(all.slice(n, n + 500));
    const kept: Log[] = [];
    for (let after = '0'; ;) {
      const page = (await logs(executionId, `?limit=700&after=${after}`)).body.data;
      if (page.length === 0) break;
      kept.push(...page);
      after = page.at(-1)!.id;
    }
    const gap = kept.findIndex(({ source }) => source === 'platform');
    expect(gap).toBe(LIMITS.logFirstEntries);
    expect(kept[gap]!.message).toContain('500 entries were left out here');
    expect(kept.slice(0, gap).map(({ id }) => id)).toEqual(
      Array.from({ length: gap }, (_, n) => String(n + 1)),
    );
    const last = kept.slice(gap + 1);
    expect(last).toHaveLength(LIMITS.logLastEntries);
    expect([last[0]!.message, last.at(-1)!.message]).toEqual([`n${total - LIMITS.logLastEntries + 1}`, `n${total}`]); // prettier-ignore
  });

  it('store 1: is bounded by bytes too, and outside of executions keeps the last alone', async () => {
    const executionId = await execution();
    const large = 'x'.repeat(LIMITS.logMessageCharacters);
    for (let n = 0; n < 8; n++) await send(Array.from({ length: 50 }, () => entry(large, { executionId })));
    const bytes = (await logs(executionId, '?limit=1000')).body.data.reduce((sum, log) => sum + log.message.length, 0); // prettier-ignore
    expect(bytes).toBeLessThanOrEqual(2 * LIMITS.logPartBytes + 200);
    const many = Array.from({ length: 500 }, (_, n) => entry(`p${n}`, { workflowId, source: 'process' }));
    for (let n = 0; n < 3; n++) await send(many);
    const { data } = (await server.call<Log[]>('GET', `/api/v1/workflows/${workflowId}/logs?limit=1000`, { key: server.tenants.a.key })).body; // prettier-ignore
    expect(data[0]!.message).toContain('500 entries were left out here');
  });

  it('expires after the days that it is kept, and beyond what a tenant may have', async () => {
    const [old, young] = [await execution(), await execution()];
    await send([entry('old', { executionId: old })]);
    const { db, clock } = server.services;
    const inDays = (days: number) => new Date(clock().getTime() + days * 86_400_000);
    expect(await expireLogs(db, { days: 30, tenantBytes: 1e9 }, inDays(29))).toBe(0);
    expect(await messages(old)).toEqual(['old']);
    expect(await expireLogs(db, { days: 30, tenantBytes: 1e9 }, inDays(31))).toBeGreaterThan(0);
    expect(await messages(old)).toEqual([]);
    await send([entry('first', { executionId: old })]);
    server.turnClock(1_000);
    await send([entry('later', { executionId: young })]);
    expect(await expireLogs(db, { days: 30, tenantBytes: 5 }, clock())).toBe(1);
    expect([await messages(old), await messages(young)]).toEqual([[], ['later']]);
  });

  it('shows an entry as it is pinned', async () => {
    const executionId = await execution();
    const step = { source: 'activity', activityType: 'charge', activityId: '2', attempt: 3 } as const;
    const all = { ...step, attributes: { order: 17 }, runId: randomUUID(), childWorkflowId: 'charge-17' };
    const level = 'warn' as const;
    await send([entry('the card was declined', { executionId, level, ...all, truncated: true })]);
    await expectGolden('log-list', (await logs(executionId)).body);
  });
});
