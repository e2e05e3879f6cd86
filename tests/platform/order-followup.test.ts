import { fileURLToPath } from 'node:url';
import { dryRunResultSchema, type Execution } from '@pegasus-workflows/contracts';
import { PegasusClient } from 'pegasus-workflows-sdk/client';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startPaymentService } from '../../examples/order-followup/third-party/payment-service.mjs';
import { startTestPlatform, type TestPlatform } from '../support/platform.js';
import { createDatabase, type TestDatabase } from '../support/postgres.js';
import { publishProject } from '../support/publish.js';
import { eventually } from '../support/wait.js';

/** The example `order-followup` as its README has it, on a whole platform: by an event, then in a dry run. */
const EXAMPLE = fileURLToPath(new URL('../../examples/order-followup', import.meta.url));
const MINUTES = 60_000;

let database: TestDatabase;
let shop: Awaited<ReturnType<typeof startPaymentService>>;
let platform: TestPlatform;
let client: PegasusClient;
let workflowId: string;

beforeAll(async () => {
  database = await createDatabase('migrated');
  shop = await startPaymentService({ failureRate: 0 });
  const allowed = new URL(shop.url).host;
  platform = await startTestPlatform({
    env: { DATABASE_URL: database.url, PEGASUS_EGRESS_ALLOW: allowed },
  });
  client = new PegasusClient({ baseUrl: platform.url, token: platform.tenant.apiKey });
  ({ id: workflowId } = await publishProject(client, EXAMPLE));
}, 5 * MINUTES);
afterAll(async () => {
  await platform?.dispose();
  await shop?.close();
  await database?.drop();
});

/** Approves a run and waits for its end. */
async function approved(executionId: string): Promise<Execution> {
  await client.executions.signal(workflowId, executionId, 'approve', ['ben@example.com']);
  return client.executions.wait(workflowId, executionId, { timeoutMs: 3 * MINUTES });
}

/** The activities of a run, in order. */
async function steps(executionId: string): Promise<(string | undefined)[]> {
  const { events } = await client.executions.history(workflowId, executionId);
  return events
    .filter(({ type }) => type === 'ActivityTaskScheduled')
    .map(({ activityType }) => activityType);
}

/**
 * What a run itself is, what is noted of its calls, and when keys were last used; the platform's own leases. Every other
 * row of the database is somebody's data.
 */
const OF_THE_RUN = new Set(['executions', 'dry_run_mutations', 'audit_log', 'api_keys']);

/** Every row of every other table, as text. */
async function allData(): Promise<Record<string, string[]>> {
  const connection = new pg.Client({ connectionString: database.url });
  await connection.connect();
  try {
    const tables = await connection.query<{ name: string }>(
      `select tablename as name from pg_tables where schemaname = 'public' order by 1`,
    );
    const data: Record<string, string[]> = {};
    for (const { name } of tables.rows.filter((table) => !OF_THE_RUN.has(table.name))) {
      const rows = await connection.query<{ row: string }>(
        `select t::text as row from "${name}" t order by 1`,
      );
      data[name] = rows.rows.map(({ row }) => row);
    }
    return data;
  } finally {
    await connection.end();
  }
}

const NUMBER = '+491701234567';
const STEPS = [
  'loadOrder',
  'reserveStock',
  'chargeCustomer',
  'keepProgress',
  'sendMessage',
  'shipOrder',
  'keepProgress',
  'textCustomer',
  'sendMessage',
  'keepProgress',
];
const OUTCOME = {
  orderId: 'A-1',
  outcome: 'approved',
  decidedBy: 'ben@example.com',
  reminders: 0,
  undone: [],
};

it('is not started before its secret and its configuration are set', async () => {
  await expect(client.workflows.run(workflowId, { input: { orderId: 'A-1' } })).rejects.toMatchObject({
    code: 'REQUIREMENTS_MISSING',
    message: expect.stringContaining('SHOP_API_KEY'),
  });
  await client.secrets.set('SHOP_API_KEY', 'demo-key');
  await client.configs.set('SHOP_URL', shop.url);
  await client.configs.set('ORDER_REVIEWER', 'ben@example.com');
  await client.configs.set('ORDER_MANAGER', 'cyd@example.com');
  await client.configs.set('FOLLOW_UP_DAYS', '0');
});

let liveSteps: (string | undefined)[];

it('starts from an event, keeps a projection and sends an SMS', async () => {
  await client.eventTypes.create({ name: 'order.placed' });
  await client.triggers.create(workflowId, { kind: 'EVENT', eventType: 'order.placed' });
  const { eventId } = await client.events.emit('order.placed', { orderId: 'A-1' });
  const executionId = await eventually(async () => {
    const { deliveries } = await client.events.get(eventId!);
    expect(deliveries).toHaveLength(1);
    return deliveries[0]!.executionId;
  });
  expect(await approved(executionId)).toMatchObject({ status: 'COMPLETED', result: OUTCOME });
  const projection = await client.projections.get('order-followup', 'order', 'A-1');
  expect(projection).toMatchObject({ version: 3, state: { phase: 'closed', outcome: 'approved' } });
  const body = 'Your order A-1 is on its way.';
  expect(await client.sms.messages()).toEqual([
    expect.objectContaining({ to: NUMBER, body, status: 'SENT', provider: 'log', executionId }),
  ]);
  expect(shop.effects.map(({ path }) => path)).toEqual([
    '/reservations',
    '/charges',
    '/messages',
    '/shipments',
    '/messages',
  ]);
  liveSteps = await steps(executionId);
  expect(liveSteps).toEqual(STEPS);
}, 5 * MINUTES); // prettier-ignore

it('takes the same steps in a dry run, and has no effect', async () => {
  const before = { data: await allData(), effects: [...shop.effects] };
  expect(Object.values(before.data).flat().length).toBeGreaterThan(10);
  const { id } = await client.workflows.run(workflowId, { mode: 'dry_run', input: { orderId: 'A-1' } });
  const ended = await approved(id);
  expect(ended).toMatchObject({ status: 'COMPLETED', dryRun: true });
  const { result, mutations } = dryRunResultSchema.parse(ended.result);
  expect(result).toEqual(OUTCOME);
  expect(mutations.map(({ method, capability }) => [method, capability])).toEqual([
    ['projections.put', 'WriteIntegrationProjection'],
    ['projections.put', 'WriteIntegrationProjection'],
    ['sms.send', 'SendSms'],
    ['projections.put', 'WriteIntegrationProjection'],
  ]);
  expect(mutations[2]).toMatchObject({ args: { to: NUMBER }, wouldReturn: { status: 'SENT' } });
  expect(await steps(id)).toEqual(liveSteps);
  expect({ data: await allData(), effects: shop.effects }).toEqual(before);
}, 5 * MINUTES); // prettier-ignore
