import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { ApiServer } from '../external/api-server.js';
import { failure, forEachDialect, testServer, type TestServer } from '../server/support.js';
import { order, shopConfig } from './shop.js';

const canonical = (changes: object = {}): object => ({
  number: 'A-1',
  status: 'open',
  total: 10,
  ...changes,
});

forEachDialect('deliveries to an outside system', (open) => {
  let server: TestServer;
  let partner: ApiServer;
  let key: string;
  let path: string;
  let made = 0;

  beforeAll(async () => {
    partner = await ApiServer.start();
    server = await testServer(await open(), undefined, { PEGASUS_EGRESS_ALLOW: '127.0.0.1' });
    key = server.tenants.a.key;
    const connection = { name: 'partner', baseUrl: `${partner.url}/api`, auth: 'NONE' };
    expect(
      await server.call('POST', '/api/v1/external-connections', { key, body: connection }),
    ).toMatchObject({
      status: 201,
    });
  });
  afterAll(async () => {
    await server?.close();
    await partner?.[Symbol.asyncDispose]();
  });
  /** A path of the partner's that no other test has. */
  beforeEach(() => {
    path = `/api/orders-${(made += 1)}`;
  });

  const base = () => `/api/v1/integrations/delivery-${made}`;
  async function publish(outbound: object = {}): Promise<void> {
    const body = {
      ...shopConfig(),
      outbound: { connection: 'partner', path: `${path.slice(4)}/{{number}}`, ...outbound },
    };
    expect(await server.call('POST', `${base()}/config`, { key, body })).toMatchObject({ status: 201 });
  }
  const deliver = (data: unknown, more: object = {}, by = key) =>
    server.call('POST', `${base()}/deliver-to-external`, { key: by, body: { data, ...more } });
  const keysSeen = () => partner.of(`${path}/A-1`).map(({ headers }) => headers['idempotency-key']);

  it('are sent as the outside system has them, once (invariant 1)', async () => {
    await publish();
    partner.on(`${path}/A-1`, () => ({
      status: 201,
      headers: { 'content-type': 'application/json' },
      body: '{"id":7}',
    }));
    const first = await deliver(canonical());
    expect(first).toMatchObject({
      status: 200,
      body: {
        data: { delivered: true, alreadyDelivered: false, status: 201, answer: { id: 7 }, external: order() },
      },
    });
    const again = await deliver(canonical());
    expect(again.body.data).toEqual({ ...first.body.data, alreadyDelivered: true });
    expect(
      partner.of(`${path}/A-1`).map(({ method, body }) => [method, JSON.parse(body.toString())]),
    ).toEqual([['POST', order()]]);
    expect((await deliver(canonical({ total: 11 }))).body.data).toMatchObject({ alreadyDelivered: false });
    expect(new Set(keysSeen()).size).toBe(2);
  });

  it('are one for one record where the configuration says what makes it one', async () => {
    await publish({ once: ['number', 'status'] });
    await deliver(canonical());
    expect(await deliver(canonical({ total: 11 }))).toEqual(
      failure(409, 'IDEMPOTENCY_KEY_REUSED', /dedupKey/),
    );
    expect((await deliver(canonical({ status: 'shipped' }))).body.data).toMatchObject({
      alreadyDelivered: false,
    });
    expect((await deliver(canonical({ total: 11 }), { dedupKey: 'corrected' })).body.data).toMatchObject({
      delivered: true,
      alreadyDelivered: false,
    });
    expect(keysSeen()).toHaveLength(3);
  });

  it('are sent again under one key while it is not known whether they arrived (invariant 2)', async () => {
    await publish();
    partner.on(`${path}/A-1`, (_, nth) => {
      if (nth <= 2) return 'break';
      return nth <= 5 ? { status: 503, headers: { 'retry-after': '0' } } : { status: 200 };
    });
    expect(await deliver(canonical())).toEqual(failure(502, 'UPSTREAM_ERROR', /answered 503/));
    expect(await deliver(canonical())).toMatchObject({ status: 200, body: { data: { delivered: true } } });
    expect(keysSeen()).toHaveLength(6);
    expect(new Set(keysSeen()).size).toBe(1);
  });

  it('are under way once at a time (invariant 3)', async () => {
    await publish();
    partner.on(`${path}/A-1`, async () => {
      await delay(300);
      return { status: 200 };
    });
    const answers = await Promise.all(Array.from({ length: 10 }, () => deliver(canonical())));
    const told = answers.map(({ status, body }) => (status === 200 ? body.data.alreadyDelivered : body.code));
    expect(told.filter((one) => one === false)).toHaveLength(1);
    expect(new Set(told)).toEqual(new Set([false, 'RATE_LIMITED']));
    expect((await deliver(canonical())).body.data.alreadyDelivered).toBe(true);
    expect(keysSeen()).toHaveLength(1);
  });

  it('that are refused for good leave nothing behind; what breaks a rule is not sent (invariant 4)', async () => {
    await publish({ once: ['number'] });
    partner.on(`${path}/A-1`, (_, nth) => (nth === 1 ? { status: 422, body: 'no' } : { status: 200 }));
    expect((await deliver(canonical())).body.data).toMatchObject({
      delivered: false,
      status: 422,
      answer: 'no',
    });
    expect((await deliver(canonical({ total: 5_000 }))).body.data).toMatchObject({
      delivered: false,
      status: null,
      valid: false,
      issues: [{ ruleId: 'big' }],
    });
    expect((await deliver(canonical({ total: 12 }))).body.data).toMatchObject({
      delivered: true,
      status: 200,
    });
    expect(keysSeen()).toHaveLength(2);
  });

  it('go where the fields of the record say, and nowhere else', async () => {
    await publish({ method: 'PUT' });
    await deliver(canonical({ number: 'a/b ü' }));
    expect(partner.of(`${path}/a%2Fb%20%C3%BC`)).toMatchObject([{ method: 'PUT' }]);
    expect(await deliver(canonical({ number: null }))).toEqual(
      failure(400, 'VALIDATION_ERROR', 'data: number has no value, and the path of the delivery needs it.'),
    );
    expect(await deliver(canonical({ number: '..' }))).toMatchObject({ status: 400 });
  });

  it('need a configuration that says where to, and are nobody else’s', async () => {
    expect(await deliver(canonical())).toMatchObject({ status: 404 });
    expect(await server.call('POST', `${base()}/config`, { key, body: shopConfig() })).toMatchObject({
      status: 201,
    });
    expect(await deliver(canonical())).toEqual(
      failure(400, 'VALIDATION_ERROR', /says nothing of deliveries/),
    );
    expect(await deliver(canonical(), {}, server.tenants.b.key)).toMatchObject({ status: 404 });
    await publish({ connection: 'nowhere' });
    expect(await deliver(canonical())).toEqual(failure(404, 'NOT_FOUND', /connection/));
  });
});
