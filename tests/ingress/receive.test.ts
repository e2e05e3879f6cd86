import { createHmac } from 'node:crypto';
import { type CreateIngressRequest, type IngressWithSecret } from '@pegasus-workflows/contracts';
import { asc, eq } from 'drizzle-orm';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createApp, schema } from '../../packages/server/src/index.js';
import { failure, forEachDialect, testServer, type TestServer } from '../server/support.js';

forEachDialect('receiving', (open) => {
  let server: TestServer;
  let made = 0;
  beforeAll(async () => {
    server = await testServer(await open());
  });
  afterAll(() => server?.close());

  async function ingress(request: CreateIngressRequest, integration = `partner-${made++}`) {
    const reply = await server.call<IngressWithSecret>(
      'POST',
      `/api/v1/integrations/${integration}/ingress`,
      {
        key: server.tenants.a.key,
        body: request,
      },
    );
    expect(reply).toMatchObject({ status: 201 });
    const { id, secret, url } = reply.body.data;
    return { integration, id, secret: secret!, path: new URL(url).pathname };
  }
  const post = (path: string, body: string | Uint8Array, headers: Record<string, string> = {}) =>
    server.call('POST', path, { body, headers: { 'content-type': 'application/json', ...headers } });
  const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` });
  const eventsOf = async (integration: string) => {
    const rows = await server.services.db.system((tx) =>
      tx.select().from(schema.domainEvents).orderBy(asc(schema.domainEvents.createdAt)),
    );
    return rows.filter(({ payload }) => payload['integrationId'] === integration);
  };

  it('writes the event and its outbox item, then acknowledges (receive invariant 1)', async () => {
    const { integration, path, secret } = await ingress({
      auth: 'BEARER',
      keepHeaders: ['X-Topic'],
      acknowledgement: {
        status: 202,
        headers: { 'x-partner': 'yes' },
        body: { ok: true, ref: '{{order.id}}', event: '{{eventId}}' },
      },
    });
    const reply = await post(path, '{"order":{"id":7}}', {
      ...bearer(secret),
      'x-topic': 'orders',
      'x-other': 'no',
      cookie: 'a=b',
    });
    const [event] = await eventsOf(integration);
    expect(reply).toMatchObject({ status: 202, body: { ok: true, ref: 7, event: event!.id } });
    expect(reply.headers.get('x-partner')).toBe('yes');
    expect(event).toMatchObject({
      tenantId: server.tenants.a.id,
      type: 'pegasus_event.received',
      source: 'INGRESS',
      dedupKey: null,
      payload: {
        integrationId: integration,
        receivedAt: event!.occurredAt.toISOString(),
        headers: { 'content-type': 'application/json', 'x-topic': 'orders' },
        body: { order: { id: 7 } },
      },
    });
    const items = await server.services.db.system((tx) =>
      tx.select().from(schema.outbox).where(eq(schema.outbox.refId, event!.id)),
    );
    expect(items).toMatchObject([{ topic: 'EVENT', tenantId: server.tenants.a.id }]);
    const shown = await server.call('GET', `/api/v1/integrations/${integration}/ingress`, {
      key: server.tenants.a.key,
    });
    expect(shown.body.data.lastReceivedAt).toEqual(expect.any(String));
  });

  it('makes one event of a delivery that comes ten times, at once or later (receive invariant 2)', async () => {
    const { integration, path, secret } = await ingress({ auth: 'BEARER', dedupPath: 'data.id' });
    const body = '{"data":{"id":"evt_1"}}';
    const replies = await Promise.all(Array.from({ length: 10 }, () => post(path, body, bearer(secret))));
    const events = await eventsOf(integration);
    expect(events).toHaveLength(1);
    for (const reply of replies) expect(reply.body).toEqual({ received: true, eventId: events[0]!.id });
    expect((await post(path, body, bearer(secret))).body).toEqual(replies[0]!.body);
    expect((await post(path, '{"data":{"id":"evt_2"}}', bearer(secret))).status).toBe(200);
    expect(await eventsOf(integration)).toHaveLength(2);
    // What has no such value is told from everything else.
    await post(path, '{}', bearer(secret));
    await post(path, '{}', bearer(secret));
    expect(await eventsOf(integration)).toHaveLength(4);
  });

  it('tells values apart by a header, however long, and integrations whose ids hold colons', async () => {
    const one = await ingress({ auth: 'BEARER', dedupPath: 'header:X-Delivery' }, 'a');
    const two = await ingress({ auth: 'BEARER', dedupPath: 'header:X-Delivery' }, 'a:b');
    const long = 'x'.repeat(5_000);
    for (const id of [long, long, `${long}y`])
      await post(one.path, '{}', { ...bearer(one.secret), 'x-delivery': id });
    await post(one.path, '{}', { ...bearer(one.secret), 'x-delivery': 'b:c' });
    await post(two.path, '{}', { ...bearer(two.secret), 'x-delivery': 'c' });
    expect([(await eventsOf('a')).length, (await eventsOf('a:b')).length]).toEqual([3, 1]);
  });

  it('takes a signature over the very bytes, and the same signed call only once (receive invariant 2)', async () => {
    const { integration, path, secret } = await ingress({
      auth: 'HMAC',
      signature: { header: 'X-Sig', signedContent: 'timestamp.body', timestampHeader: 'X-Time' },
    });
    const seconds = String(Math.floor(Date.now() / 1_000));
    const body = '{ "b" : 1,\n "a" : 2 }';
    const headers = {
      'x-time': seconds,
      'x-sig': createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex'),
    };
    const first = await post(path, body, headers);
    expect(first.status).toBe(200);
    expect((await post(path, body, headers)).body).toEqual(first.body);
    expect(await eventsOf(integration)).toHaveLength(1);
    expect(await post(path, '{"b":1,"a":2}', headers)).toEqual(failure(401, 'UNAUTHENTICATED', /not proven/));
    server.turnClock(301_000);
    expect((await post(path, body, headers)).status).toBe(401);
    server.resetClock();
  });

  it('takes the secret before a rotation until its overlap ends, and no older one (service invariant 2)', async () => {
    for (const request of [{ auth: 'BEARER' }, { preset: 'github' }] satisfies CreateIngressRequest[]) {
      const { integration, path, secret } = await ingress(request);
      const rotate = async () =>
        (
          await server.call('POST', `/api/v1/integrations/${integration}/ingress/rotate`, {
            key: server.tenants.a.key,
            body: { overlapSeconds: 60 },
          })
        ).body.data.secret as string;
      const proof = (key: string) =>
        'auth' in request
          ? bearer(key)
          : { 'x-hub-signature-256': `sha256=${createHmac('sha256', key).update('{}').digest('hex')}` };
      const statuses = async (...keys: string[]) =>
        Promise.all(keys.map(async (key) => (await post(path, '{}', proof(key))).status));
      const second = await rotate();
      expect(await statuses(secret, second)).toEqual([200, 200]);
      const third = await rotate();
      expect(await statuses(secret, second, third)).toEqual([401, 200, 200]);
      server.turnClock(61_000);
      expect(await statuses(secret, second, third)).toEqual([401, 401, 200]);
      server.resetClock();
    }
  });

  it('tells a stranger nothing (receive invariant 3)', async () => {
    const { id, integration, path, secret } = await ingress({ auth: 'BEARER' });
    const proofs = [
      {},
      bearer('x'),
      bearer(`${secret}x`),
      bearer(server.tenants.a.key),
      { authorization: secret },
    ];
    for (const headers of proofs) {
      const reply = await post(path, '{', headers as Record<string, string>);
      expect(reply).toEqual(
        failure(401, 'UNAUTHENTICATED', 'This call is not proven to come from the partner.'),
      );
    }
    for (const wrong of ['unknown', id.replace(/^./, (c) => (c === '0' ? '1' : '0')), `${id}x`])
      expect((await post(`/ingress/${wrong}`, '{}', bearer(secret))).status).toBe(404);
    await server.call('PATCH', `/api/v1/integrations/${integration}/ingress`, {
      key: server.tenants.a.key,
      body: { enabled: false },
    });
    expect((await post(path, '{}', bearer(secret))).status).toBe(404);
    expect(await eventsOf(integration)).toEqual([]);
  });

  it('takes in what fits the event type, and nothing of a type or tenant that is disabled', async () => {
    const key = server.tenants.a.key;
    const type = await server.call('POST', '/api/v1/event-types', {
      key,
      body: {
        name: 'order.placed',
        payloadSchema: { properties: { body: { type: 'object', required: ['id'] } } },
      },
    });
    expect(type.status).toBe(201);
    const refused = await server.call('POST', '/api/v1/integrations/shop/ingress', {
      key,
      body: { auth: 'BEARER', eventType: 'no.such' },
    });
    expect(refused).toEqual(failure(400, 'VALIDATION_ERROR', /eventType: there is no event type "no.such"/));
    const { integration, path, secret } = await ingress({ auth: 'BEARER', eventType: 'order.placed' });
    expect((await post(path, '{"id":1}', bearer(secret))).status).toBe(200);
    expect(await post(path, '{}', bearer(secret))).toEqual(failure(400, 'VALIDATION_ERROR', /./));
    const patched = await server.call('PATCH', `/api/v1/event-types/${type.body.data.id}`, {
      key,
      body: { enabled: false },
    });
    expect(patched.status).toBe(200);
    expect((await post(path, '{"id":2}', bearer(secret))).status).toBe(404);
    const setDisabled = (disabledAt: Date | null) =>
      server.services.db.system((tx) =>
        tx.update(schema.tenants).set({ disabledAt }).where(eq(schema.tenants.id, server.tenants.a.id)),
      );
    const other = await ingress({ auth: 'BEARER' });
    await setDisabled(new Date());
    expect((await post(other.path, '{}', bearer(other.secret))).status).toBe(404);
    await setDisabled(null);
    expect((await post(other.path, '{}', bearer(other.secret))).status).toBe(200);
    expect(await eventsOf(integration)).toHaveLength(1);
  });

  it('takes forms and texts, and refuses what cannot be kept (receive invariant 4)', async () => {
    const { integration, path, secret } = await ingress({ preset: 'twilio' });
    const form = 'Body=hi+there&From=%2B15550100';
    const signature = createHmac('sha1', secret)
      .update(`http://pegasus.test${path}?x=1Bodyhi thereFrom+15550100`)
      .digest('base64');
    const reply = await post(`${path}?x=1`, form, {
      'content-type': 'application/x-www-form-urlencoded',
      'x-twilio-signature': signature,
    });
    expect(reply).toMatchObject({ status: 200, body: '<Response/>' });
    expect(reply.headers.get('content-type')).toBe('text/xml');
    expect((await eventsOf(integration))[0]!.payload['body']).toEqual({
      Body: 'hi there',
      From: '+15550100',
    });

    const plain = await ingress({ auth: 'BEARER' });
    const send = (body: string | Uint8Array, type: string) =>
      post(plain.path, body, { ...bearer(plain.secret), 'content-type': type });
    expect((await send('<a/>', 'text/xml')).status).toBe(200);
    expect((await send('{', 'application/json')).status).toBe(400);
    expect((await send(Uint8Array.of(0xff), 'application/octet-stream')).status).toBe(415);
    expect((await send('x'.repeat(1024 * 1024), 'text/plain')).status).toBe(200);
    expect((await send('x'.repeat(1024 * 1024 + 1), 'text/plain')).status).toBe(413);
    expect((await send('\u0001'.repeat(600_000), 'text/plain')).status).toBe(413);
    expect(await eventsOf(plain.integration)).toHaveLength(2);
  });

  it('takes what its rate allows, counts only proven calls, and says when to come back (receive invariant 4)', async () => {
    const { integration, path, secret } = await ingress({ auth: 'BEARER' });
    let now = new Date();
    const services = {
      ...server.services,
      clock: () => now,
      metrics: new Registry(),
      settings: { ...server.settings, ingressPerSecond: 1 },
    };
    const app = createApp(services, server.engine);
    const send = async (key: string) =>
      app.request(path, {
        method: 'POST',
        body: '{}',
        headers: { ...bearer(key), 'content-type': 'application/json' },
      });
    for (let i = 0; i < 20; i++) expect((await send('wrong')).status).toBe(401);
    const replies = await Promise.all(Array.from({ length: 60 }, () => send(secret)));
    const refused = replies.filter(({ status }) => status === 429);
    expect(refused).toHaveLength(50);
    expect(refused[0]!.headers.get('retry-after')).toBe('1');
    expect(await eventsOf(integration)).toHaveLength(10);
    now = new Date(now.getTime() + 1_000);
    expect((await send(secret)).status).toBe(200);
    expect((await send(secret)).status).toBe(429);
    const numbers = await services.metrics.metrics();
    expect(numbers).toContain('pegasus_ingress_calls_total{result="UNAUTHENTICATED"} 20');
    expect(numbers).toContain('pegasus_ingress_calls_total{result="RATE_LIMITED"} 51');
  });
});
