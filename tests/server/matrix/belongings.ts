import { randomUUID } from 'node:crypto';
import { temporalWorkflowId } from '@pegasus-workflows/contracts';
import { expect } from 'vitest';
import { schema } from '../../../packages/server/src/index.js';
import { artifact } from '../artifacts.js';
import { type TestServer } from '../support.js';

/**
 * Something of tenant A behind every parameter of every path, by parameter, or by `<what comes before it>/:<parameter>`.
 * That they are really there is proven by tenant A's own key, which reads all of them.
 */
export type Ids = Readonly<Record<string, string>>;

interface Belongings {
  ids: Ids;
  /** Ends a reservation that waits for its `POST /workflows`. */
  finalizeBody: object;
}

/** Makes them. */
export async function belongingsOfA(server: TestServer): Promise<Belongings> {
  const { a, b } = server.tenants;
  const { id: keyId } = await server.keyOf(['workflow_developer']);
  const { id: workflowId, artifactSha256 } = (await server.publish(a.key, artifact())).body.data;
  const pending = artifact('demo', '1.1.0');
  const reserved = (await server.reserve(a.key, pending)).body.data;
  await server.put(reserved.uploadUrl, pending.zip);
  return {
    finalizeBody: { workflowId: reserved.workflowId, manifest: pending.manifest },
    ids: {
      id: workflowId,
      workflowId,
      sha256: artifactSha256,
      filename: 'demo-1.0.0.zip',
      'members/:id': a.principalId,
      'keys/:id': keyId,
      'tenants/:id': a.id,
      'artifacts/:tenantId': b.id,
      'tenants/:tenantId': a.id,
      ...(await run(server, workflowId)),
      ...(await dispatched(server)),
      ...(await stored(server)),
      ...(await outside(server)),
      ...(await listening(server, workflowId)),
    },
  };
}

async function run({ services, tenants: { a } }: TestServer, workflowId: string): Promise<Ids> {
  const eid = randomUUID();
  await services.db.tenant(a.id, (tx) =>
    tx.insert(schema.executions).values({
      id: eid,
      tenantId: a.id,
      workflowId,
      status: 'COMPLETED',
      temporalWorkflowId: temporalWorkflowId(a.id, 'demo', eid),
      triggerSource: 'USER',
      finishedAt: new Date(),
    }),
  );
  const batch = await services.db.tenant(a.id, (tx) =>
    tx
      .insert(schema.executionBatches)
      .values({ tenantId: a.id, operation: 'cancel', filter: { workflowName: 'demo' }, state: 'DONE' })
      .returning(),
  );
  return { eid, updateId: 'an-update', 'batches/:id': batch[0]!.id };
}

async function dispatched({ services, tenants: { a } }: TestServer): Promise<Ids> {
  const id = randomUUID();
  const task = { id, role: 'coder', prompt: 'Mend it.', permissionMode: 'ask' } as const;
  const { role, permissionMode, prompt: title } = task;
  await services.db.tenant(a.id, async (tx) => {
    await tx
      .insert(schema.agentWorkspaces)
      .values({ tenantId: a.id, hostId: 'host-1', name: 'shop', models: ['small'], seenAt: new Date() });
    await tx.insert(schema.agentDispatches).values({
      ...{ id, tenantId: a.id, workspace: 'shop', merge: 'leave', state: 'RUNNING' },
      ...{ task, role, permissionMode, title },
    });
  });
  return { hostId: 'host-1', 'dispatches/:id': id, 'dispatches/:tenantId': a.id, ':tenantId/:id': id };
}

/** Posts as tenant A's administrator. */
async function post({ call, tenants: { a } }: TestServer, path: string, body: object) {
  const reply = await call('POST', path, { key: a.key, body });
  expect(reply, path).toMatchObject({ status: 201 });
  return reply;
}

async function stored(server: TestServer): Promise<Ids> {
  const base = '/api/v1/workflow-secrets-configs';
  await post(server, `${base}/secrets`, { key: 'a_secret', value: 'hidden' });
  await post(server, `${base}/configs`, { key: 'a_config', value: 'shown' });
  return { 'secrets/:key': 'a_secret', 'configs/:key': 'a_config' };
}

async function outside(server: TestServer): Promise<Ids> {
  const { key } = server.tenants.a;
  const connection = await post(server, '/api/v1/external-connections', {
    name: 'shop',
    baseUrl: 'https://example.com',
    auth: 'NONE',
  });
  const number = '+4915112345678';
  await server.call('PUT', `/api/v1/sms/opt-outs/${number}`, { key });
  await server.call('PUT', '/api/v1/sms/provider', { key, body: { kind: 'LOG' } });
  const projection = { integration: 'shop', entityType: 'order', ':entityType/:key': '1' };
  const path = '/api/v1/integration-projections/runtime/shop/order/1';
  await server.call('PUT', path, { key, body: { state: 'paid' } });
  return { 'external-connections/:id': connection.body.data.id, number, ...projection };
}

async function listening(server: TestServer, workflowId: string): Promise<Ids> {
  const { services, tenants } = server;
  const tenantId = tenants.a.id;
  await post(server, '/api/v1/event-types', { name: 'parcel.sent' });
  const emitted = await post(server, '/api/v1/event-types/parcel.sent/emit', {});
  const eventId = emitted.headers.get('location')!.split('/').at(-1)!;
  const ingress = await post(server, '/api/v1/integrations/parcels/ingress', {
    auth: 'BEARER',
    eventType: 'parcel.sent',
  });
  await post(server, '/api/v1/integrations/parcels/config', { mapping: {}, rules: [], corpus: [] });
  const webhook = await post(server, '/api/v1/webhooks', {
    url: 'https://example.com/told',
    statuses: ['FAILED'],
  });
  const webhookId: string = webhook.body.data.id;
  const [trigger, delivery] = await services.db.system(async (tx) => {
    await tx.update(schema.outbox).set({ deadAt: new Date(), lastError: 'it was given up' });
    const triggers = await tx
      .insert(schema.triggers)
      .values({ tenantId, workflowId, kind: 'SCHEDULE', cronExpression: '0 0 1 1 *' })
      .returning();
    const deliveries = await tx
      .insert(schema.webhookDeliveries)
      .values({ tenantId, webhookId, executionId: randomUUID() })
      .returning();
    return [triggers[0]!, deliveries[0]!];
  });
  return {
    name: 'parcel.sent',
    'events/:id': eventId,
    'dead-letters/:id': eventId,
    'integrations/:id': 'parcels',
    'versions/:version': '1',
    'rollback/:version': '1',
    ingressId: ingress.body.data.id,
    'webhooks/:id': webhookId,
    deliveryId: delivery.id,
    tid: trigger.id,
  };
}
