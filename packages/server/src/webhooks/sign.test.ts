import { signatureSchemeSchema, INGRESS_PRESETS } from '@pegasus-workflows/contracts';
import { expect, it } from 'vitest';
import { rightSignature } from '../ingress/signature.js';
import { newSigningSecret, signedHeaders } from './sign.js';

it('signs as the specification of Standard Webhooks says', () => {
  const headers = signedHeaders(
    { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', at: new Date(1_614_265_330_000), body: '{"test": 2432232314}' },
    ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
  );
  expect(headers).toEqual({
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  });
});

it('signs so that an ingress takes it, with either secret of a rotation', () => {
  const scheme = signatureSchemeSchema.parse(INGRESS_PRESETS['standard-webhooks'].signature);
  const secrets = [newSigningSecret(), newSigningSecret()];
  const now = new Date();
  const headers = signedHeaders({ id: 'a', at: now, body: '{}' }, secrets);
  const call = {
    header: (name: string) => headers[name],
    bytes: Buffer.from('{}'),
    url: 'https://x.test',
    now,
  };
  for (const secret of secrets) expect(rightSignature(scheme, [secret], call)).toBeDefined();
  expect(rightSignature(scheme, [newSigningSecret()], call)).toBeUndefined();
});
