import { randomUUID } from 'node:crypto';
import { type SmsMessage, type SmsSent } from '@pegasus-workflows/contracts';
import { eq } from 'drizzle-orm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { schema } from '../../packages/server/src/index.js';
import { parseEgressExceptions } from '@pegasus-workflows/kit/egress';
import { expectGolden } from '../server/golden.js';
import { failure, forEachDialect, testServer, type TestServer } from '../server/support.js';
import { eventually } from '../support/wait.js';
import { ACCOUNT_SID, AUTH_TOKEN, TwilioServer } from './twilio-server.js';

let numbers = 0;
/** A number that no other test has sent to. */
const number = () => `+4915${String(100_000_000 + numbers++)}`;

forEachDialect('SMS', (open) => {
  let server: TestServer;
  let twilio: TwilioServer;

  beforeAll(async () => {
    server = await testServer(await open());
    twilio = await TwilioServer.start();
    server.settings.egress = { exceptions: parseEgressExceptions('127.0.0.1'), plainHttp: false };
    server.settings.sms = { defaultProvider: undefined, perMinute: 10_000, perRecipientPerHour: 10_000 };
  });
  afterAll(async () => {
    await twilio?.[Symbol.asyncDispose]();
    await server?.close();
  });
  beforeEach(() => {
    twilio.behave = () => undefined;
    twilio.requests.length = 0;
  });

  const asA = <T = any>(method: string, path: string, body?: unknown) =>
    server.call<T>(method, `/api/v1/sms${path}`, { key: server.tenants.a.key, body });
  const send = (body: object) => asA<SmsSent>('POST', '/send', body);
  const connect = (over: object = {}) =>
    asA('PUT', '/provider', {
      kind: 'TWILIO',
      accountSid: ACCOUNT_SID,
      authToken: AUTH_TOKEN,
      from: '+15005550006',
      baseUrl: twilio.url,
      ...over,
    });
  const message = async (id: string) =>
    (await asA<SmsMessage[]>('GET', '/messages')).body.data.find((row) => row.id === id);
  const lastTo = async (to: string) =>
    (await asA<SmsMessage[]>('GET', '/messages')).body.data.find((row) => row.to === to);

  describe('without a provider', () => {
    it('is 404, until the operator or the tenant says who sends', async () => {
      expect(await send({ to: number(), body: 'x' })).toEqual(
        failure(404, 'NOT_FOUND', /No SMS provider is connected/),
      );
      expect(await asA('GET', '/provider')).toMatchObject({ status: 404 });
      server.settings.sms.defaultProvider = 'LOG';
      expect(await asA('GET', '/provider')).toMatchObject({
        status: 200,
        body: { data: { kind: 'LOG', source: 'PLATFORM' } },
      });
      const to = number();
      const sent = await send({ to, body: 'Hello, log' });
      expect(sent).toMatchObject({ status: 202, body: { data: { status: 'SENT' } } });
      expect(await message(sent.body.data.id)).toMatchObject({ to, provider: 'log', body: 'Hello, log' });
      server.settings.sms.defaultProvider = undefined;
    });
  });

  describe('with Twilio', () => {
    beforeAll(async () => void expect((await connect()).status).toBe(201));
    afterEach(() => server.resetClock());

    it('sends once what has a dedupKey, and tells a repeat from another message (invariant 2)', async () => {
      const to = number();
      const request = { to, body: 'Grüße 👋 & 1+1=2', dedupKey: randomUUID() };
      const first = await send(request);
      expect(first).toMatchObject({ status: 202, body: { data: { status: 'SENT' } } });
      await expectGolden('sms-sent', first.body);
      const again = await send(request);
      expect(again.status).toBe(200);
      expect(again.body.data).toEqual({ id: first.body.data.id, status: 'SENT', alreadySent: true });
      await expectGolden('sms-sent-already', again.body);
      expect(twilio.to(to)).toHaveLength(1);
      expect(twilio.to(to)[0]).toMatchObject({
        path: `/2010-04-01/Accounts/${ACCOUNT_SID}/Messages.json`,
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        form: { To: to, From: '+15005550006', Body: request.body },
      });
      for (const other of [{ body: 'another' }, { to: number() }]) {
        expect(await send({ ...request, ...other })).toEqual(
          failure(409, 'IDEMPOTENCY_KEY_REUSED', /dedupKey/),
        );
      }
      expect(await message(first.body.data.id)).toMatchObject({
        to,
        body: null,
        provider: 'twilio',
        providerMessageId: expect.stringMatching(/^SM/),
        dedupKey: request.dedupKey,
        createdByUserId: server.tenants.a.principalId,
      });
    });

    it('has one of many callers at once send, and tells the others how it ended (invariant 3)', async () => {
      const request = { to: number(), body: 'once', dedupKey: randomUUID() };
      let release = () => {};
      const wait = new Promise<void>((resolve) => (release = resolve));
      twilio.behave = () => ({ wait });
      const calls = Array.from({ length: 8 }, () => send(request));
      await eventually(() => expect(twilio.to(request.to)).toHaveLength(1));
      release();
      const replies = await Promise.all(calls);
      expect(replies.map(({ status }) => status).sort()).toEqual([200, 200, 200, 200, 200, 200, 200, 202]);
      expect(new Set(replies.map(({ body }) => body.data.id)).size).toBe(1);
      expect(replies.every(({ body }) => body.data.status === 'SENT')).toBe(true);
      expect(twilio.to(request.to)).toHaveLength(1);
    });

    it.each([
      [{ status: 400, code: 21211 }, 400, 'VALIDATION_ERROR', /^to: /],
      [{ status: 400, code: 21614 }, 400, 'VALIDATION_ERROR', /^to: /],
      [{ status: 429, code: 20429 }, 429, 'RATE_LIMITED', /takes no more messages/],
      [{ status: 429 }, 429, 'RATE_LIMITED', /takes no more messages/],
      [{ status: 400, code: 30999 }, 502, 'UPSTREAM_ERROR', /refused the message \(status 400, code 30999\)/],
      [{ status: 503 }, 502, 'UPSTREAM_ERROR', /refused the message \(status 503\)/],
      [{ status: 302, headers: { location: 'http://127.0.0.1:1/' } }, 502, 'UPSTREAM_ERROR', /status 302/],
    ])('tells what %j means, and frees the key (invariant 2)', async (behaviour, status, code, sentence) => {
      const request = { to: number(), body: 'x', dedupKey: randomUUID() };
      twilio.behave = () => behaviour;
      const refused = await send(request);
      expect(refused).toEqual(failure(status, code, sentence));
      expect(refused.headers.get('retry-after')).toBe(status === 429 ? '30' : null);
      expect(JSON.stringify(refused.body)).not.toContain('+49');
      expect(await lastTo(request.to)).toMatchObject({ status: 'FAILED', error: refused.body.error });
      twilio.behave = () => undefined;
      expect(await send({ ...request, body: 'y' })).toMatchObject({ status: 202 });
    });

    it('passes on when the provider wants to be asked again', async () => {
      twilio.behave = () => ({ status: 429, code: 20429, headers: { 'retry-after': '77' } });
      const limited = await send({ to: number(), body: 'x' });
      expect(limited.headers.get('retry-after')).toBe('77');
    });

    it.each(['break' as const, 'nonsense' as const, { status: 502 }, { status: 504 }])(
      'after %j does not know whether it was sent, says so, and sends nothing again (invariant 1)',
      async (behaviour) => {
        const request = { to: number(), body: 'x', dedupKey: randomUUID() };
        twilio.behave = () => behaviour;
        expect(await send(request)).toEqual(
          failure(502, 'UPSTREAM_ERROR', /^Whether the message was sent is not known/),
        );
        twilio.behave = () => undefined;
        const again = await send(request);
        expect(again).toMatchObject({
          status: 200,
          body: { data: { status: 'UNKNOWN', alreadySent: true } },
        });
        expect(twilio.to(request.to)).toHaveLength(1);
      },
    );

    it('sends nothing to who has opted out, here or at the provider (invariant 4)', async () => {
      const to = number();
      const path = `/opt-outs/${encodeURIComponent(to)}`;
      const put = await asA('PUT', path, { reason: 'asked by phone' });
      expect(put).toMatchObject({ status: 201, body: { data: { number: to, reason: 'asked by phone' } } });
      expect(await asA('PUT', path)).toMatchObject({ status: 200, body: { data: { reason: null } } });
      expect(await send({ to, body: 'x' })).toEqual(failure(409, 'SMS_OPTED_OUT', /wants no messages/));
      expect(twilio.to(to)).toEqual([]);
      expect(await asA('DELETE', path)).toMatchObject({ status: 204 });
      expect(await asA('DELETE', path)).toMatchObject({ status: 404 });
      expect(await send({ to, body: 'x' })).toMatchObject({ status: 202 });
      twilio.behave = () => ({ status: 400, code: 21610 });
      expect(await send({ to, body: 'x' })).toEqual(failure(409, 'SMS_OPTED_OUT', /has told the provider/));
      expect(await asA('GET', path)).toMatchObject({ status: 200, body: { data: { number: to } } });
      twilio.behave = () => undefined;
      expect(await send({ to, body: 'x' })).toMatchObject({ status: 409 });
      expect(twilio.to(to)).toHaveLength(2);
      const log = await server.call('GET', '/api/v1/audit?limit=50', { key: server.tenants.a.key });
      const text = JSON.stringify(log.body);
      expect(text).toContain(`${to.slice(0, 3)}…${to.slice(-3)}`);
      expect(text).not.toContain(to);
    });

    it('lists opt-outs page by page', async () => {
      const mine = [number(), number(), number()];
      for (const one of mine) await asA('PUT', `/opt-outs/${encodeURIComponent(one)}`);
      const after = encodeURIComponent(mine[0]!);
      const page = await asA('GET', `/opt-outs?limit=1&after=${after}`);
      expect(page.body.data).toEqual([expect.objectContaining({ number: mine[1] })]);
    });

    it.each([
      ['perMinute' as const, 60, false],
      ['perRecipientPerHour' as const, 3_600, true],
    ])(
      'stops at %s with the time to wait, and counts no refusals (invariant 4)',
      async (limit, window, sameNumber) => {
        server.turnClock(2 * 3_600_000);
        const before = { ...server.settings.sms };
        server.settings.sms[limit] = 2;
        const only = number();
        const to = () => (sameNumber ? only : number());
        twilio.behave = () => ({ status: 400, code: 21211 });
        for (let i = 0; i < 4; i += 1) expect((await send({ to: to(), body: 'x' })).status).toBe(400);
        twilio.behave = () => undefined;
        const request = { to: to(), body: 'x', dedupKey: randomUUID() };
        expect((await send(request)).status).toBe(202);
        server.turnClock(10_000);
        expect((await send({ to: to(), body: 'x' })).status).toBe(202);
        const limited = await send({ to: to(), body: 'x' });
        expect(limited).toEqual(failure(429, 'RATE_LIMITED', /try again in/));
        const wait = Number(limited.headers.get('retry-after'));
        expect(wait).toBeGreaterThan(0);
        expect(wait).toBeLessThanOrEqual(window - 9);
        // A repeat sends nothing, and is none of them.
        expect((await send(request)).status).toBe(200);
        server.turnClock(wait * 1_000);
        expect((await send({ to: to(), body: 'x' })).status).toBe(202);
        Object.assign(server.settings.sms, before);
      },
    );

    it.each([
      [{ to: '0151', body: 'x' }, /^to: /],
      [{ to: '+49151123456781234', body: 'x' }, /^to: /],
      [{ to: '+4915112345678', body: '' }, /^body: /],
      [{ to: '+4915112345678', body: 'x'.repeat(1_001) }, /^body: /],
      [{ to: '+4915112345678', body: 'x', dedupKey: '' }, /^dedupKey: /],
      [{ to: '+4915112345678', body: 'x', from: '+1' }, /from/],
    ])('refuses %j', async (request, sentence) => {
      const reply = await send(request);
      expect(reply).toMatchObject({ status: 400, body: { code: 'VALIDATION_ERROR' } });
      expect(reply.body.problems?.join('\n') ?? reply.body.error).toMatch(sentence);
    });

    it('keeps a text nowhere', async () => {
      const body = `text-${randomUUID()}`;
      const { id } = (await send({ to: number(), body })).body.data;
      const [row] = await server.services.db.system((tx) =>
        tx.select().from(schema.smsMessages).where(eq(schema.smsMessages.id, id)),
      );
      expect(JSON.stringify(row)).not.toContain(body);
    });
  });

  describe('the provider', () => {
    it('is shown without its token, which is sealed, and kept only for where it went before', async () => {
      await connect();
      const shown = await asA('GET', '/provider');
      expect(shown.body.data).toMatchObject({ kind: 'TWILIO', accountSid: ACCOUNT_SID, source: 'TENANT' });
      await expectGolden('sms-provider', {
        data: { ...shown.body.data, baseUrl: 'https://api.twilio.com' },
      });
      const [row] = await server.services.db.system((tx) => tx.select().from(schema.smsProviders));
      expect(row).toMatchObject({ secret: expect.stringMatching(/^ey/), masterKeyId: expect.any(String) });
      expect(JSON.stringify([row, shown.body])).not.toContain(AUTH_TOKEN);
      const kept = { authToken: undefined, from: undefined, messagingServiceSid: `MG${'a'.repeat(32)}` };
      expect(await connect(kept)).toMatchObject({ status: 200, body: { data: { from: null } } });
      const to = number();
      expect(await send({ to, body: 'x' })).toMatchObject({ status: 202 });
      expect(twilio.to(to)[0]!.form).toEqual({
        To: to,
        MessagingServiceSid: `MG${'a'.repeat(32)}`,
        Body: 'x',
      });
      for (const elsewhere of [{ baseUrl: 'https://evil.test' }, { accountSid: `AC${'f'.repeat(32)}` }]) {
        expect(await connect({ authToken: undefined, ...elsewhere })).toEqual(
          failure(400, 'VALIDATION_ERROR', /^authToken: is required/),
        );
      }
      expect(await connect({ messagingServiceSid: `MG${'a'.repeat(32)}` })).toMatchObject({ status: 400 });
    });

    it('refuses wrong credentials and hosts inside with a sentence, and nothing was sent', async () => {
      await connect({ authToken: 'wrong' });
      expect(await send({ to: number(), body: 'x' })).toEqual(
        failure(502, 'UPSTREAM_ERROR', /refuses the credentials/),
      );
      await connect({ baseUrl: 'https://169.254.169.254' });
      const to = number();
      expect(await send({ to, body: 'x' })).toEqual(failure(422, 'EXTERNAL_ADDRESS_REFUSED', /is refused/));
      await connect({ baseUrl: 'http://127.0.0.1:1' });
      expect(await send({ to, body: 'x' })).toEqual(failure(502, 'UPSTREAM_ERROR', /nothing was sent/));
      expect(await lastTo(to)).toMatchObject({ status: 'FAILED' });
    });

    it('that is disabled sends nothing and hides the platform’s; removed, it is gone', async () => {
      server.settings.sms.defaultProvider = 'LOG';
      await connect({ enabled: false });
      expect(await send({ to: number(), body: 'x' })).toEqual(failure(404, 'NOT_FOUND', /disabled/));
      expect(await asA('PUT', '/provider', { kind: 'LOG' })).toMatchObject({ status: 200 });
      expect(await asA('DELETE', '/provider')).toMatchObject({ status: 204 });
      expect(await asA('DELETE', '/provider')).toMatchObject({ status: 404 });
      expect(await asA('GET', '/provider')).toMatchObject({ body: { data: { source: 'PLATFORM' } } });
      server.settings.sms.defaultProvider = undefined;
    });

    it('of one tenant is no other’s', async () => {
      await connect();
      const reply = await server.call('POST', '/api/v1/sms/send', {
        key: server.tenants.b.key,
        body: { to: number(), body: 'x' },
      });
      expect(reply.status).toBe(404);
    });
  });
});
