import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { artifact } from './artifacts.js';
import { expectGolden } from './golden.js';
import { openAnyDialect, testServer, type TestServer } from './support.js';

/** Answers that clients rely on and no other suite pins: fields, their order and their spelling. */
describe('wire shapes', () => {
  let server: TestServer;
  let workflowId: string;
  beforeAll(async () => {
    server = await testServer(await openAnyDialect());
    workflowId = (await server.publish(server.tenants.a.key, artifact())).body.data.id;
  });
  afterAll(() => server?.close());

  const asA = (method: string, path: string, body?: unknown) =>
    server.call(method, `/api/v1${path}`, { key: server.tenants.a.key, body });
  /** The answer as it is pinned: what is random in it and no id is replaced. */
  async function pinned(name: string, answer: Awaited<ReturnType<typeof asA>>, status = 200) {
    expect(answer.status, JSON.stringify(answer.body)).toBe(status);
    const text = JSON.stringify(answer.body)
      .replace(/vnd_[\w-]{20,}/g, `vnd_${'A'.repeat(43)}`)
      .replace(/"prefix":"[^"]*"/g, '"prefix":"vnd_AAAA"')
      .replace(/"secretPrefix":"[^"]*"/g, '"secretPrefix":"pgi_AAAA"')
      .replace(/"secret":"(pgi_|whsec_)[^"]*"/g, '"secret":"$1AAAA"')
      .replace(/"durationMs":\d+/g, '"durationMs":1');
    await expectGolden(name, JSON.parse(text));
    return answer.body.data;
  }

  it('of triggers', async () => {
    const base = `/workflows/${workflowId}/triggers`;
    const schedule = await asA('POST', base, { kind: 'SCHEDULE', cronExpression: '0 6 * * *' });
    await pinned('trigger-schedule', schedule, 201);
    const filter = { path: 'total', op: 'gt', value: 100 };
    const event = { kind: 'EVENT', eventType: 'invoice.paid', filter };
    await pinned('trigger-event', await asA('POST', base, event), 201);
    const { id } = schedule.body.data;
    await pinned('trigger-paused', await asA('POST', `${base}/${id}/pause`, { note: 'stocktaking' }));
    const none = { from: '2026-01-01T07:00:00.000Z', to: '2026-01-01T08:00:00.000Z' };
    await pinned('backfill', await asA('POST', `${base}/${id}/backfill`, none), 202);
    await asA('DELETE', `${base}/${id}`);
    await pinned('trigger-list', await asA('GET', base));
  });

  it('of ingresses and webhooks', async () => {
    const created = await asA('POST', '/integrations/github/ingress', {
      preset: 'github',
      secret: 'of-github',
    });
    await pinned('ingress-with-secret-given', created, 201);
    await pinned(
      'ingress-with-secret',
      await asA('POST', '/integrations/crm/ingress', { auth: 'BEARER' }),
      201,
    );
    await pinned('ingress-list', await asA('GET', '/integrations/ingress'));
    const webhook = { url: 'https://hooks.pegasus.invalid/told', statuses: ['FAILED'] };
    const { id } = await pinned('webhook-with-secret', await asA('POST', '/webhooks', webhook), 201);
    await pinned('webhook-list', await asA('GET', '/webhooks'));
    await pinned('webhook-deliveries', await asA('GET', `/webhooks/${id}/deliveries`));
    await pinned('webhook-test', await asA('POST', `/webhooks/${id}/test`));
  });

  it('of secrets and configuration', async () => {
    const base = '/workflow-secrets-configs';
    const secret = { key: 'API_KEY', value: 'v', description: 'of the CRM' };
    await pinned('secret', await asA('POST', `${base}/secrets`, secret), 201);
    await pinned('secret-list', await asA('GET', `${base}/secrets`));
    await pinned(
      'config',
      await asA('POST', `${base}/configs`, { key: 'REGION', value: 'eu', group: 'crm' }),
      201,
    );
    await pinned('config-list', await asA('GET', `${base}/configs`));
    await pinned('runtime-value', await asA('GET', `${base}/runtime/configs/REGION?group=crm`));
  });

  it('of payload keys', async () => {
    await pinned('payload-key', await asA('POST', '/payload-keys/rotate'), 201);
    await pinned('payload-key-list', await asA('GET', '/payload-keys'));
  });

  it('of members, keys and tenants', async () => {
    await pinned('whoami', await asA('GET', '/whoami'));
    await pinned('tenant', await asA('GET', '/tenant'));
    const account = { kind: 'SERVICE_ACCOUNT', name: 'robot', roles: ['workflow_developer'] };
    const { id: memberId } = await pinned('member', await asA('POST', '/members', account), 201);
    const made = await asA('POST', '/keys', { memberId, roles: ['workflow_developer'], name: 'ci' });
    await pinned('api-key-created', made, 201);
    await pinned('api-key-list', await asA('GET', `/keys?memberId=${memberId}`));
    const tenant = await server.call('POST', '/api/v1/tenants', {
      key: server.tenants.platform.key,
      body: { slug: 'acme', displayName: 'Acme' },
    });
    await pinned('tenant-created', tenant, 201);
  });

  it('of held executions and batches', async () => {
    const held = { delay: 3_600, priority: 2, concurrencyKey: 'customer-1' };
    await pinned('execution-held', await asA('POST', `/workflows/${workflowId}/run`, held), 201);
    const filter = { workflowId, status: ['QUEUED'] };
    const begun = await asA('POST', '/executions/batches/cancel', { filter });
    const { id } = await pinned('batch', begun, 202);
    await pinned('batch-found', await asA('GET', `/executions/batches/${id}`));
  });

  it('of the audit log', async () => {
    const { body } = await asA('GET', '/audit?limit=200');
    const entry = body.data.find(
      ({ object, operation }: { object: { kind: string } | null; operation: string }) =>
        object?.kind === 'webhooks' && operation === 'INSERT',
    );
    await expectGolden('audit-entry', { data: { ...entry, seq: 1, correlationId: 'A'.repeat(8), ip: null } });
  });
});
