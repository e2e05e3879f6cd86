import { schema } from '@pegasus-workflows/server';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ApiServer } from '../external/api-server.js';
import { forOneDialect } from '../server/support.js';
import { KilledServer } from '../support/killed-server.js';
import { shopConfig } from './shop.js';

/** The server killed around a delivery: whoever asks again has it delivered, under the key of the first attempt. */
forOneDialect('a delivery cut short', (open) => {
  let server: KilledServer;
  let partner: ApiServer;
  beforeAll(async () => {
    partner = await ApiServer.start();
    server = await KilledServer.open(await open(), { PEGASUS_EGRESS_ALLOW: '127.0.0.1' });
  });
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
    await partner?.[Symbol.asyncDispose]();
  });

  it.each([
    ['delivery.claimed', 1],
    ['delivery.answered', 2],
  ])('killed at %s, the partner has one order', async (point, calls) => {
    const number = point;
    await server.start(`${point}=kill`);
    if (point === 'delivery.claimed') {
      await server.call('POST', '/external-connections', {
        name: 'partner',
        baseUrl: partner.url,
        auth: 'NONE',
      });
      const outbound = { connection: 'partner', path: '/orders/{{number}}' };
      const made = await server.call('POST', '/integrations/shop/config', { ...shopConfig(), outbound });
      expect(made.status).toBe(201);
    }
    const data = { number, status: 'open', total: 10 };
    const deliver = () => server.call('POST', '/integrations/shop/deliver-to-external', { data });
    await expect(deliver()).rejects.toThrow();
    expect(await server.ended).toBe('SIGKILL');
    await server.start();
    // Its claim ends by itself, in some minutes.
    expect((await deliver()).status).toBe(429);
    await server.stop();
    await server.inDatabase((tx) =>
      tx.update(schema.integrationDeliveries).set({ claimedUntil: new Date(0) }),
    );
    await server.start();
    expect(await deliver()).toMatchObject({
      status: 200,
      data: { delivered: true, alreadyDelivered: false },
    });
    expect(await deliver()).toMatchObject({ status: 200, data: { delivered: true, alreadyDelivered: true } });
    await server.stop();
    const keys = partner.of(`/orders/${number}`).map(({ headers }) => headers['idempotency-key']);
    expect([keys.length, new Set(keys).size]).toEqual([calls, 1]);
  });
});
