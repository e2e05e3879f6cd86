import { createHash, createHmac } from 'node:crypto';
import fc from 'fast-check';
import { INGRESS_PRESETS, signatureSchemeSchema, type SignatureScheme } from '@pegasus-workflows/contracts';
import { describe, expect, it } from 'vitest';
import { isUsableSecret, rightSignature, type SignedCall } from './signature.js';

const NOW = new Date('2026-01-01T00:00:00Z');
const SECONDS = String(NOW.getTime() / 1_000);
const URL_CALLED = 'https://pegasus.test/ingress/1?b=2';

function callOf(headers: Record<string, string>, body: string, over: Partial<SignedCall> = {}): SignedCall {
  const known = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  return {
    header: (name) => known.get(name.toLowerCase()),
    bytes: Buffer.from(body),
    url: URL_CALLED,
    now: NOW,
    ...over,
  };
}
const presetOf = (name: keyof typeof INGRESS_PRESETS): SignatureScheme =>
  signatureSchemeSchema.parse(INGRESS_PRESETS[name].signature);
const hmac = (algorithm: string, key: string | Buffer, content: string) =>
  createHmac(algorithm, key).update(content);

describe('the presets take what the partners document', () => {
  // Published by GitHub and Twilio as examples of their schemes.
  it('GitHub', () => {
    const headers = {
      'X-Hub-Signature-256': 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17',
    };
    const secret = "It's a Secret to Everybody";
    expect(rightSignature(presetOf('github'), [secret], callOf(headers, 'Hello, World!'))).toBeDefined();
    expect(rightSignature(presetOf('github'), [secret], callOf(headers, 'Hello, World?'))).toBeUndefined();
  });

  it('Twilio, over the URL and the sorted form', () => {
    const url = 'https://mycompany.com/myapp.php?foo=1&bar=2';
    const form = new URLSearchParams({
      CallSid: 'CA1234567890ABCDE',
      Caller: '+14158675310',
      Digits: '1234',
      From: '+14158675310',
      To: '+18005551212',
    });
    const headers = {
      'content-type': 'application/x-www-form-urlencoded',
      'x-twilio-signature': hmac(
        'sha1',
        '12345',
        `${url}CallSidCA1234567890ABCDECaller+14158675310Digits1234From+14158675310To+18005551212`,
      ).digest('base64'),
    };
    const call = callOf(headers, form.toString(), { url });
    expect(rightSignature(presetOf('twilio'), ['12345'], call)).toBeDefined();
    expect(rightSignature(presetOf('twilio'), ['12345'], { ...call, url: `${url}&baz=3` })).toBeUndefined();
  });

  it('Twilio, over the digest of a body that is no form, and never without one', () => {
    const body = '{"a":1}';
    const digest = createHash('sha256').update(body).digest('hex');
    const signed = (url: string) =>
      callOf(
        {
          'content-type': 'application/json',
          'x-twilio-signature': hmac('sha1', 'secret', url).digest('base64'),
        },
        body,
        { url },
      );
    const scheme = presetOf('twilio');
    expect(rightSignature(scheme, ['secret'], signed(`${URL_CALLED}&bodySHA256=${digest}`))).toBeDefined();
    expect(rightSignature(scheme, ['secret'], signed(URL_CALLED))).toBeUndefined();
  });

  it('Stripe, among several signatures of the header', () => {
    const right = hmac('sha256', 'whsec_x', `${SECONDS}.{}`).digest('hex');
    const headers = { 'Stripe-Signature': `t=${SECONDS},v1=${'0'.repeat(64)},v1=${right},v0=abc` };
    expect(rightSignature(presetOf('stripe'), ['whsec_x'], callOf(headers, '{}'))).toBe(right);
  });

  it('Slack', () => {
    const headers = {
      'X-Slack-Request-Timestamp': SECONDS,
      'X-Slack-Signature': `v0=${hmac('sha256', 'secret', `v0:${SECONDS}:{}`).digest('hex')}`,
    };
    expect(rightSignature(presetOf('slack'), ['secret'], callOf(headers, '{}'))).toBeDefined();
  });

  it('Shopify', () => {
    const headers = { 'X-Shopify-Hmac-Sha256': hmac('sha256', 'secret', '{}').digest('base64') };
    expect(rightSignature(presetOf('shopify'), ['secret'], callOf(headers, '{}'))).toBeDefined();
  });

  it('Standard Webhooks, by the example of its specification', () => {
    const headers = {
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    };
    const call = callOf(headers, '{"test": 2432232314}', { now: new Date(1_614_265_330_000) });
    const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
    expect(rightSignature(presetOf('standard-webhooks'), [secret], call)).toBeDefined();
  });
});

describe('a call that is not right', () => {
  const scheme = presetOf('slack');
  const signed = (seconds: string) => ({
    'X-Slack-Request-Timestamp': seconds,
    'X-Slack-Signature': `v0=${hmac('sha256', 'secret', `v0:${seconds}:{}`).digest('hex')}`,
  });

  it.each([
    [-300, true],
    [-301, false],
    [300, true],
    [301, false],
  ])('signed %i seconds from now is taken: %s', (away, taken) => {
    const call = callOf(signed(String(Number(SECONDS) + away)), '{}');
    expect(rightSignature(scheme, ['secret'], call) !== undefined).toBe(taken);
  });

  it.each(['', 'now', '1e9', '-1', '99999999999999', `${SECONDS}.5`])('has no time in %j', (seconds) => {
    expect(rightSignature(scheme, ['secret'], callOf(signed(seconds), '{}'))).toBeUndefined();
  });

  it('is one without any header, without any secret, with the secret of another', () => {
    expect(rightSignature(scheme, ['secret'], callOf({}, '{}'))).toBeUndefined();
    expect(rightSignature(scheme, [], callOf(signed(SECONDS), '{}'))).toBeUndefined();
    expect(rightSignature(scheme, ['other'], callOf(signed(SECONDS), '{}'))).toBeUndefined();
    expect(rightSignature(scheme, ['other', 'secret'], callOf(signed(SECONDS), '{}'))).toBeDefined();
  });
});

const schemes = fc
  .record({
    algorithm: fc.constantFrom('sha256', 'sha512', 'sha1'),
    encoding: fc.constantFrom('hex', 'base64'),
    prefix: fc.constantFrom(undefined, 'v1=', 'sha256='),
  })
  .map((scheme) => signatureSchemeSchema.parse({ header: 'x-signature', ...scheme }));

it('takes what was signed, and nothing that differs in one bit of it', () => {
  fc.assert(
    fc.property(
      schemes,
      fc.uint8Array({ minLength: 1, maxLength: 200 }),
      fc.string({ minLength: 8, maxLength: 40 }),
      fc.nat(),
      (scheme, bytes, secret, at) => {
        const digest = createHmac(scheme.algorithm, secret).update(bytes).digest(scheme.encoding);
        const headers = { 'x-signature': `${scheme.prefix ?? ''}${digest}` };
        const call = { ...callOf(headers, ''), bytes };
        expect(rightSignature(scheme, [secret], call)).toBeDefined();
        const changed = Uint8Array.from(bytes);
        changed[at % bytes.length]! ^= 1 << (at % 8);
        expect(rightSignature(scheme, [secret], { ...call, bytes: changed })).toBeUndefined();
        expect(rightSignature(scheme, [`${secret}x`], call)).toBeUndefined();
      },
    ),
  );
});

it('never throws, whatever a stranger puts into the headers', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...(Object.keys(INGRESS_PRESETS) as (keyof typeof INGRESS_PRESETS)[])),
      fc.string(),
      fc.string(),
      (preset, header, other) => {
        const call = {
          ...callOf({}, 'x'),
          header: (name: string) => (name.includes('sign') ? header : other),
        };
        expect(rightSignature(presetOf(preset), ['c2VjcmV0c2VjcmV0'], call)).toBeUndefined();
      },
    ),
  );
});

it('tells a secret that is to be base64', () => {
  const scheme = presetOf('standard-webhooks');
  expect(isUsableSecret(scheme, 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw')).toBe(true);
  expect(isUsableSecret(scheme, 'not base64 at all')).toBe(false);
  expect(isUsableSecret(presetOf('github'), 'not base64 at all')).toBe(true);
});
