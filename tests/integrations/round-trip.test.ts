import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Execution } from '@pegasus-workflows/contracts';
import { PegasusClient } from 'pegasus-workflows-sdk/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { PART_FILES } from '../../packages/cli/src/integrations/files.js';
import { ApiServer } from '../external/api-server.js';
import { startTestPlatform, type TestPlatform } from '../support/platform.js';
import { publishProject } from '../support/publish.js';
import { eventually } from '../support/wait.js';

/**
 * The example `partner-orders` on a whole platform: a partner's webhook becomes a canonical event, that starts a run,
 * and the run's delivery is a call of a partner that fails, breaks off and is slow. All but the one line of the workflow
 * is configuration.
 */
const EXAMPLE = new URL('../../examples/partner-orders/', import.meta.url);
const MINUTES = 60_000;
const ORDERS = 8;

let platform: TestPlatform;
let partner: ApiServer;
let client: PegasusClient;
let workflowId: string;

beforeAll(async () => {
  partner = await ApiServer.start();
  platform = await startTestPlatform({ env: { PEGASUS_EGRESS_ALLOW: '127.0.0.1' } });
  client = new PegasusClient({ baseUrl: platform.url, token: platform.tenant.apiKey });
  for (const name of ['partner.order', 'partner.order_refused', 'partner.invoice', 'partner.raw'])
    await client.eventTypes.create({ name });
  for (const name of ['warehouse', 'accounting'])
    await client.connections.create({ name, baseUrl: `${partner.url}/${name}`, auth: 'NONE' });
  for (const id of ['edi-orders', 'invoices'])
    await client.integrations.configs.publish(id, await configOf(id));
  ({ id: workflowId } = await publishProject(client, fileURLToPath(EXAMPLE)));
  for (const eventType of ['partner.order', 'partner.invoice'])
    await client.triggers.create(workflowId, { kind: 'EVENT', eventType });
}, 5 * MINUTES);
afterAll(async () => {
  await platform?.dispose();
  await partner?.[Symbol.asyncDispose]();
});

async function configOf(id: string): Promise<Record<string, unknown>> {
  const parts = Object.entries(PART_FILES).map(async ([part, file]) => {
    const text = await readFile(new URL(`integrations/${id}/${file}`, EXAMPLE), 'utf8').catch(
      () => undefined,
    );
    return [part, text === undefined ? undefined : JSON.parse(text)] as const;
  });
  return Object.fromEntries((await Promise.all(parts)).filter(([, value]) => value !== undefined));
}

/** The first example of a corpus, which is a good record. */
async function sampleOf(id: string): Promise<any> {
  const { corpus } = (await configOf(id)) as { corpus: { input: { order: object } }[] };
  return corpus[0]!.input.order;
}

/** Every run there is, when there are that many and all have ended. */
async function endedRuns(count: number): Promise<Execution[]> {
  return eventually(
    async () => {
      const runs = await client.executions.list(workflowId, { limit: 200 });
      expect(runs).toHaveLength(count);
      expect(new Set(runs.map(({ status }) => status))).toEqual(new Set(['COMPLETED']));
      return runs;
    },
    { timeoutMs: 3 * MINUTES },
  );
}

const canonicalEvents = async (type: string) => (await client.events.list({ type, limit: 200 })).length;

it(
  'each order is delivered once, whatever the partner does with its webhooks and its answers',
  async () => {
    const seen = new Map<string, Set<unknown>>();
    // Of five calls of one order's delivery two are taken; what breaks off may have been taken.
    for (let number = 1; number <= ORDERS; number += 1) {
      partner.on(`/warehouse/orders/PO-${number}`, async ({ headers, body }, nth) => {
        const take = (): void => {
          const { orderNumber, revision } = JSON.parse(body.toString());
          const name = `${orderNumber}/${revision}`;
          seen.set(name, (seen.get(name) ?? new Set()).add(headers['idempotency-key']));
        };
        if ((nth + number) % 5 === 1) return { status: 503, headers: { 'retry-after': '0' } };
        if ((nth + number) % 5 === 2) return 'break';
        take();
        if ((nth + number) % 5 === 3) return 'break';
        if ((nth + number) % 5 === 4) await delay(300);
        return { status: 200 };
      });
    }
    const sample = await sampleOf('edi-orders');
    const sent = Array.from({ length: ORDERS }, (_, at) => at + 1).flatMap((number) =>
      ['00', '04'].map((purpose, change) => ({
        ...sample,
        ISA: { ...sample.ISA, ISA13: String(100 * number + change) },
        BEG: { ...sample.BEG, BEG01: purpose, BEG03: `PO-${number}` },
      })),
    );
    const ingress = await client.ingress.create('edi-orders', {
      auth: 'BEARER',
      dedupPath: 'ISA.ISA13',
      eventType: 'partner.raw',
    });
    const send = async (order: object): Promise<number> => {
      const response = await fetch(ingress.url, {
        method: 'POST',
        headers: { authorization: `Bearer ${ingress.secret}`, 'content-type': 'application/json' },
        body: JSON.stringify(order),
      });
      await response.arrayBuffer();
      return response.status;
    };
    // Every webhook twice, the second half of the orders in the wrong order.
    const shuffled = [...sent.slice(0, ORDERS), ...sent.slice(ORDERS).reverse()].flatMap((order) => [
      order,
      order,
    ]);
    const statuses = await Promise.all(shuffled.map(send));
    expect(new Set(statuses)).toEqual(new Set([200]));

    const events = await canonicalEvents('partner.order');
    expect(events).toBeGreaterThanOrEqual(ORDERS);
    expect(events).toBeLessThanOrEqual(sent.length);
    await endedRuns(events);
    // One key for each change of each order: a partner that honours keys has it once.
    expect([...seen.values()].map((keys) => keys.size)).toEqual(Array.from({ length: events }, () => 1));
    for (let number = 1; number <= ORDERS; number += 1)
      expect([...seen.keys()]).toContain(`PO-${number}/${100 * number + 1}`);
  },
  5 * MINUTES,
);

it(
  'a signed webhook of a payment provider is an entry of the accounts',
  async () => {
    const before = (await client.executions.list(workflowId, { limit: 200 })).length;
    const secret = 'whsec_0123456789abcdef0123456789';
    const ingress = await client.ingress.create('invoices', {
      preset: 'stripe',
      secret,
      eventType: 'partner.raw',
    });
    const body = JSON.stringify(await sampleOf('invoices'));
    const send = (text: string, by: string): Promise<Response> => {
      const at = Math.floor(Date.now() / 1000);
      const signature = createHmac('sha256', by).update(`${at}.${text}`).digest('hex');
      const headers = { 'content-type': 'application/json', 'stripe-signature': `t=${at},v1=${signature}` };
      return fetch(ingress.url, { method: 'POST', headers, body: text });
    };
    expect((await send(body, 'whsec_of_somebody_else_0123456789')).status).toBe(401);
    expect((await send(body, secret)).status).toBe(200);
    expect((await send(body, secret)).status).toBe(200);
    await endedRuns(before + 1);
    expect(partner.of('/accounting/entries').map((call) => JSON.parse(call.body.toString()))).toEqual([
      { document: 'INV-1001', state: 'paid', debtor: 'cus_7', total: 11900, settled: 11900, currency: 'EUR' },
    ]);
  },
  5 * MINUTES,
);
