import { createHmac, hkdfSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { SignJWT, UnsecuredJWT } from 'jose';
import { runtimeTokens } from './runtime-token.js';

const RUNNER_TOKEN = 'a runner token of at least thirty-two characters';
const claims = {
  executionId: '7d1ab3a0-8b5e-4c8e-9d0a-0a0a0a0a0a01',
  tenantId: '7d1ab3a0-8b5e-4c8e-9d0a-0a0a0a0a0a02',
  workflowId: '7d1ab3a0-8b5e-4c8e-9d0a-0a0a0a0a0a03',
  actions: ['SendSms'],
};
const tokens = runtimeTokens(RUNNER_TOKEN);

describe('a runtime token', () => {
  it('says what it was made from, until it expires', async () => {
    const token = await tokens.sign(claims, 60);
    expect(await runtimeTokens(RUNNER_TOKEN).verify(token)).toEqual(claims);
    expect(await tokens.verify(token, new Date(Date.now() + 61_000))).toBe(undefined);
  });

  it('of another runner token, forged, unsigned, or for another audience is none (invariant 2)', async () => {
    const token = await tokens.sign(claims, 60);
    const [header, , signature] = token.split('.');
    const forged = Buffer.from(JSON.stringify({ ...claims, sub: claims.executionId })).toString('base64url');
    const body = {
      tenant: claims.tenantId,
      workflow: claims.workflowId,
      actions: [],
      sub: claims.executionId,
      iss: 'pegasus-supervisor',
      aud: 'pegasus-runtime',
    };
    const derived = new Uint8Array(hkdfSync('sha256', RUNNER_TOKEN, '', 'pegasus runtime token v1', 32));
    const signed = (key: Uint8Array, over: Record<string, unknown> = {}, alg = 'HS256') =>
      new SignJWT({ ...body, ...over }).setProtectedHeader({ alg }).setExpirationTime('1m').sign(key);
    // What the others differ from is itself good.
    expect(await tokens.verify(await signed(derived))).toMatchObject({ executionId: claims.executionId });
    const wrong = [
      await runtimeTokens(`${RUNNER_TOKEN}!`).sign(claims, 60),
      `${header}.${forged}.${signature}`,
      new UnsecuredJWT(body).setExpirationTime('1m').encode(),
      // The runner token itself is not the key (invariant 1).
      await signed(new TextEncoder().encode(RUNNER_TOKEN)),
      await signed(derived, { aud: 'elsewhere' }),
      await signed(derived, { iss: 'somebody' }),
      await signed(derived, { tenant: 'not an id' }),
      await signed(derived, {}, 'HS512'),
      await new SignJWT(body).setProtectedHeader({ alg: 'HS256' }).sign(derived),
      `${header}.${forged}.${createHmac('sha256', RUNNER_TOKEN).update(`${header}.${forged}`).digest('base64url')}`,
      'vnd_not_a_token',
      '',
      'a.b.c',
    ];
    for (const text of wrong) expect(await tokens.verify(text)).toBe(undefined);
  });
});
