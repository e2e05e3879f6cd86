import { schema } from '@pegasus-workflows/server';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { forOneDialect } from '../server/support.js';
import { KilledServer } from '../support/killed-server.js';

/** The server killed between the event and its acknowledgement: the partner repeats, and there is one event. */
forOneDialect('a delivery cut short', (open) => {
  let server: KilledServer;
  beforeAll(async () => {
    server = await KilledServer.open(await open());
  });
  afterAll(() => server?.[Symbol.asyncDispose]());

  it('is one event, however often the partner has to call (receive invariants 1, 2)', async () => {
    await server.start('ingress.recorded=kill');
    const made = await server.call('POST', '/integrations/partner/ingress', {
      auth: 'BEARER',
      dedupPath: 'id',
    });
    expect(made.status).toBe(201);
    const send = () =>
      fetch(made.data.url as string, {
        method: 'POST',
        headers: { authorization: `Bearer ${made.data.secret}`, 'content-type': 'application/json' },
        body: '{"id":"evt_1"}',
      });
    await expect(send()).rejects.toThrow();
    expect(await server.ended).toBe('SIGKILL');
    await server.start();
    const answers = await Promise.all([send(), send()]);
    const bodies = await Promise.all(answers.map((answer) => answer.json()));
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    await server.stop();
    const events = await server.inDatabase((tx) => tx.select().from(schema.domainEvents));
    expect(events).toHaveLength(1);
    for (const body of bodies) expect(body).toEqual({ received: true, eventId: events[0]!.id });
  });
});
