import { randomBytes, randomUUID } from 'node:crypto';
import { LIMITS, MASKED, RUNTIME_ACTIONS, type History } from '@pegasus-workflows/contracts';
import { runtimeTokens } from '@pegasus-workflows/kit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { schema } from '../../packages/server/src/index.js';
import { expectGolden } from '../server/golden.js';
import { failure, forEachDialect, testServer, type TestServer } from '../server/support.js';
import { runtimeServer, type RuntimeServer } from './support.js';

/** What a running execution may do with its token, for how long, and what a dry run's calls become. */

const SECONDS = 1_000;

forEachDialect('runtime tokens', (open) => {
  let server: TestServer;
  let runtime: RuntimeServer;

  beforeAll(async () => {
    server = await testServer(await open());
    runtime = await runtimeServer(server);
  }, 120 * SECONDS);
  afterAll(() => server?.close());

  const read = (token: string) => runtime.call(token, 'GET', '/api/v1/probe');
  const send = (token: string, body: object = { text: 'hi' }) =>
    runtime.call(token, 'POST', `/api/v1/probe/${runtime.workflowId}/send`, body);
  const unauthenticated = failure(401, 'UNAUTHENTICATED', /runtime token/);

  it('stands for the execution, its tenant, and what the manifest declares of what a run may do', async () => {
    const eid = await runtime.start();
    const reply = await read(await runtime.sign(eid, ['ReadWorkflowSecret', 'ManageTenants']));
    expect(reply.body.data).toMatchObject({
      tenantId: server.tenants.a.id,
      principalId: server.tenants.a.principalId,
      keyId: null,
      actions: ['ReadWorkflowSecret'],
      execution: { id: eid, workflowId: runtime.workflowId, dryRun: false },
    });
  });

  it('is worth nothing from the moment its execution has ended, though it has not expired', async () => {
    const eid = await runtime.start();
    const token = await runtime.sign(eid, ['ReadWorkflowSecret'], {}, 3_600);
    expect(await read(token)).toMatchObject({ status: 200 });
    await runtime.end(eid);
    expect(await read(token)).toEqual(unauthenticated);
  }, 120 * SECONDS); // prettier-ignore

  it('refuses what is forged, expired, unsigned, of another key, tenant, workflow or execution', async () => {
    const eid = await runtime.start();
    const all = [...RUNTIME_ACTIONS];
    const good = await runtime.sign(eid, all);
    const [header, payload, signature] = good.split('.') as [string, string, string];
    const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as object;
    const { b } = server.tenants;
    const stranger = runtimeTokens(randomBytes(32).toString('hex'));
    const spoiled = {
      'other payload': `${header}.${encode({ ...claims, actions: ['SendSms'], tenant: b.id })}.${signature}`,
      'alg none': `${encode({ alg: 'none', typ: 'JWT' })}.${payload}.`,
      'alg none, signed': `${encode({ alg: 'none' })}.${payload}.${signature}`,
      'other key': await stranger.sign(
        { executionId: eid, tenantId: server.tenants.a.id, workflowId: runtime.workflowId, actions: all },
        300,
      ),
      expired: await runtime.sign(eid, all, {}, -1),
      'other tenant': await runtime.sign(eid, all, { tenantId: b.id }),
      'other workflow': await runtime.sign(eid, all, { workflowId: randomUUID() }),
      'no such execution': await runtime.sign(randomUUID(), all),
    };
    expect(await read(good)).toMatchObject({ status: 200 });
    for (const [name, token] of Object.entries(spoiled))
      expect(await read(token), name).toEqual(unauthenticated);
  });

  it('is worth nothing while its tenant is disabled', async () => {
    const token = await runtime.sign(await runtime.start(), ['ReadWorkflowSecret']);
    const disable = (disabledAt: Date | null) =>
      server.services.db.system((tx) => tx.update(schema.tenants).set({ disabledAt }));
    await disable(new Date());
    expect(await read(token)).toEqual(unauthenticated);
    await disable(null);
    expect(await read(token)).toMatchObject({ status: 200 });
  });

  it('an undeclared call is refused, says what to declare, and shows in the timeline once, with its count', async () => {
    const eid = await runtime.start();
    const token = await runtime.sign(eid, []);
    const refused = failure(403, 'FORBIDDEN', /ReadWorkflowSecret.*required_actions/);
    expect(await read(token)).toEqual(refused);
    expect(await read(token)).toEqual(refused);
    expect(await send(token)).toMatchObject({ status: 403 });
    const path = `/api/v1/workflows/${runtime.workflowId}/executions/${eid}/history`;
    const { events } = (await runtime.call(server.tenants.a.key, 'GET', path)).body.data as History;
    const notes = events.filter(({ type }) => type === 'PegasusCallRefused');
    expect(notes).toEqual([
      expect.objectContaining({ name: 'ReadWorkflowSecret', failure: expect.stringMatching(/2 times/) }),
      expect.objectContaining({ name: 'SendSms', failure: expect.stringMatching(/required_actions/) }),
    ]);
    expect(notes.every(({ id }) => id.startsWith('note-'))).toBe(true);
    const own = events.filter(({ id }) => /^\d+$/.test(id)).map(({ id }) => Number(id));
    expect(own).toEqual([...own].sort((x, y) => x - y));
    expect(own.length).toBeGreaterThan(0);
  });

  it('a live run changes; a dry run reads, records what it would have changed, and changes nothing', async () => {
    await send(await runtime.sign(await runtime.start(), ['SendSms']));
    expect(runtime.changes).toEqual([{ text: 'hi' }]);
    const eid = await runtime.start('dry_run');
    const token = await runtime.sign(eid, ['SendSms', 'ReadWorkflowSecret', 'CallExternal']);
    expect(await read(token)).toMatchObject({ status: 200 });
    const body = { text: 'hello', password: 'hunter2' };
    expect(await send(token, body)).toMatchObject({ status: 201, body: { data: { length: 5 } } });
    expect(await runtime.call(token, 'DELETE', '/api/v1/probe')).toEqual(failure(403, 'FORBIDDEN', /dry run/));
    expect(runtime.changes).toHaveLength(1);
    const path = `/api/v1/workflows/${runtime.workflowId}/executions/${eid}/mutations`;
    const listed = await runtime.call(server.tenants.a.key, 'GET', path);
    expect(listed.body).toMatchObject({
      data: [
        {
          method: 'sms.send',
          capability: 'SendSms',
          args: { id: runtime.workflowId, text: 'hello', password: MASKED },
          wouldReturn: { length: 5 },
        },
      ],
      meta: { count: 1 },
    });
    await expectGolden('mutation-list', listed.body);
    expect(await runtime.call(server.tenants.b.key, 'GET', path)).toMatchObject({ status: 404 });
    // Also of a run that did not complete.
    await runtime.end(eid);
    expect((await runtime.call(server.tenants.a.key, 'GET', path)).body.data).toHaveLength(1);
    expect(await send(token)).toEqual(unauthenticated);
  }, 120 * SECONDS); // prettier-ignore

  it('a dry run that would change too much fails instead of looking small', async () => {
    const eid = await runtime.start('dry_run');
    const { id: tenantId } = server.tenants.a;
    const record = { tenantId, executionId: eid, method: 'sms.send', capability: 'SendSms', args: {} };
    const rows = Array.from({ length: LIMITS.dryRunMutations }, () => record);
    await server.services.db.system((tx) => tx.insert(schema.dryRunMutations).values(rows));
    const token = await runtime.sign(eid, ['SendSms']);
    expect(await send(token)).toEqual(failure(413, 'PAYLOAD_TOO_LARGE', /at most 1000 changes/));
  });
});
