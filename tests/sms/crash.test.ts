import { schema } from '@pegasus-workflows/server';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { forOneDialect } from '../server/support.js';
import { eventually } from '../support/wait.js';
import { KilledServer } from '../support/killed-server.js';
import { ACCOUNT_SID, AUTH_TOKEN, TwilioServer } from './twilio-server.js';

/** The server killed between writing a message down and recording what the provider said, then started again. */
forOneDialect('a message whose server was killed', (open) => {
  let server: KilledServer;
  let twilio: TwilioServer;

  beforeAll(async () => {
    twilio = await TwilioServer.start();
    server = await KilledServer.open(await open());
    await server.start();
    const connected = await server.call('PUT', '/sms/provider', {
      kind: 'TWILIO',
      accountSid: ACCOUNT_SID,
      authToken: AUTH_TOKEN,
      from: '+15005550006',
      baseUrl: twilio.url,
    });
    expect(connected.status).toBe(201);
    await server.stop();
  });
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
    await twilio?.[Symbol.asyncDispose]();
  });

  it.each([
    ['sms.recorded', '+4915100000001', 0],
    ['sms.asked', '+4915100000002', 1],
  ])('at %s becomes UNKNOWN and is never sent again (invariant 1)', async (point, to, requests) => {
    const request = { to, body: 'once', dedupKey: point };
    await server.start(`${point}=kill`);
    await expect(server.call('POST', '/sms/send', request)).rejects.toThrow();
    expect(await server.ended).toBe('SIGKILL');
    expect(twilio.to(to)).toHaveLength(requests);
    // On PostgreSQL another server might be sending it still; this makes that time over.
    await server.inDatabase((tx) => tx.update(schema.smsMessages).set({ createdAt: new Date(0) }));
    await server.start();
    await eventually(async () => {
      const { data } = await server.call('GET', '/sms/messages?status=UNKNOWN');
      expect(data.map((row: { to: string }) => row.to)).toContain(to);
    });
    const again = await server.call('POST', '/sms/send', request);
    expect(again).toMatchObject({ status: 200, data: { status: 'UNKNOWN', alreadySent: true } });
    expect(twilio.to(to)).toHaveLength(requests);
    await server.stop();
  });
});
