import { randomUUID } from 'node:crypto';
import { createLogger } from '@pegasus-workflows/kit';
import { describe, expect, it } from 'vitest';
import { parseEgressExceptions } from '@pegasus-workflows/kit/egress';
import { LogProvider } from '../../packages/server/src/sms/log-provider.js';
import { type SmsProvider } from '../../packages/server/src/sms/provider.js';
import { TwilioProvider } from '../../packages/server/src/sms/twilio.js';
import { ACCOUNT_SID, AUTH_TOKEN, TwilioServer } from './twilio-server.js';

/** What every provider keeps, whoever it is; what each of Twilio's answers becomes is in `sms.test.ts`. */
interface Opened extends AsyncDisposable {
  provider: SmsProvider;
  /** Makes everything that the provider asks of others fail. */
  breakOthers: () => void;
}

const PROVIDERS: Record<string, () => Promise<Opened>> = {
  log: async () => {
    const logger = createLogger('test');
    return {
      provider: new LogProvider(logger),
      breakOthers: () => {},
      [Symbol.asyncDispose]: async () => {},
    };
  },
  twilio: async () => {
    const server = await TwilioServer.start();
    const account = {
      accountSid: ACCOUNT_SID,
      authToken: AUTH_TOKEN,
      from: '+15005550006',
      messagingServiceSid: null,
      baseUrl: server.url,
    };
    const policy = { exceptions: parseEgressExceptions('127.0.0.1'), plainHttp: true };
    return {
      provider: new TwilioProvider(account, policy),
      breakOthers: () => void (server.behave = () => 'break'),
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    };
  },
};

const message = (body = 'hello') => ({ id: randomUUID(), to: '+4915100000001', body });

describe.each(Object.entries(PROVIDERS))('the provider %s', (name, open) => {
  it('is called by its name', async () => {
    await using opened = await open();
    expect(opened.provider.name).toBe(name);
  });

  it('says that it has sent, and by which id, each message another', async () => {
    await using opened = await open();
    const outcomes = await Promise.all([
      opened.provider.send(message()),
      opened.provider.send(message('ä €')),
    ]);
    const ids = outcomes.map((outcome) => {
      expect(outcome).toEqual({ kind: 'SENT', providerMessageId: expect.stringMatching(/^\S{4,100}$/) });
      return outcome.kind === 'SENT' && outcome.providerMessageId;
    });
    expect(new Set(ids).size).toBe(2);
  });

  it('resolves, with its reason, when whoever it needs is gone', async () => {
    await using opened = await open();
    opened.breakOthers();
    const outcome = await opened.provider.send(message());
    if (outcome.kind === 'SENT') return expect(name).toBe('log');
    expect(outcome).toMatchObject({ kind: 'UNKNOWN', error: { code: expect.any(String) } });
    expect(outcome.error.message).not.toContain(AUTH_TOKEN);
  });
});
