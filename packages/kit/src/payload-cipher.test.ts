import { createCipheriv, randomBytes, randomUUID } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  MAX_PLAIN_BYTES,
  openPayload,
  payloadKey,
  sealedKeyId,
  sealPayload,
  UnreadablePayloadError,
  type Payload,
} from './payload-cipher.js';

const tenantId = '7a0c6a4e-3d0f-4b7e-9a51-0d6b8f1f5a11';
const key = payloadKey('5b3d1c1e-7d43-4c25-8e0b-2f4f1b6d9c77', Buffer.alloc(32, 7));
const seal = { tenantId, key };

const payloads = fc.record({
  metadata: fc.dictionary(fc.string({ minLength: 1, maxLength: 12 }), fc.uint8Array({ maxLength: 20 }), {
    noNullPrototype: true,
  }),
  data: fc.uint8Array({ maxLength: 5_000 }),
});
const plainOf = ({ metadata, data }: Payload) => ({
  metadata: Object.fromEntries(
    Object.entries(metadata ?? {}).map(([k, v]) => [k, Buffer.from(v).toString('hex')]),
  ),
  data: Buffer.from(data ?? []).toString('hex'),
});
const jsonPayload = (value: unknown): Payload => ({
  metadata: { encoding: Buffer.from('json/plain') },
  data: Buffer.from(JSON.stringify(value)),
});

describe('the payload cipher', () => {
  it('gives back what was sealed (invariant 1)', () => {
    fc.assert(
      fc.property(payloads, (payload) => {
        expect(plainOf(openPayload(sealPayload(payload, seal), seal))).toEqual(plainOf(payload));
      }),
    );
  });

  it('refuses any changed bit, of the data and of what stands beside it (invariant 1)', () => {
    fc.assert(
      fc.property(payloads, fc.nat(), fc.integer({ min: 0, max: 7 }), (payload, at, bit) => {
        const sealed = sealPayload(payload, seal);
        const data = Buffer.from(sealed.data!);
        data[at % data.length]! ^= 1 << bit;
        expect(() => openPayload({ ...sealed, data }, seal)).toThrow(UnreadablePayloadError);
      }),
    );
    const sealed = sealPayload(jsonPayload('x'), seal);
    for (const name of Object.keys(sealed.metadata!)) {
      const changed = Buffer.from(sealed.metadata![name]!);
      changed[0]! ^= 1;
      const metadata = { ...sealed.metadata, [name]: changed };
      expect(() => openPayload({ ...sealed, metadata }, seal), name).toThrow(UnreadablePayloadError);
    }
    for (let length = 0; length < sealed.data!.length; length++)
      expect(() => openPayload({ ...sealed, data: sealed.data!.subarray(0, length) }, seal)).toThrow(
        UnreadablePayloadError,
      );
  });

  it('opens for no other tenant and with no other key, whatever id that key goes by (invariant 1)', () => {
    const sealed = sealPayload(jsonPayload('x'), seal);
    const other = payloadKey(key.id, randomBytes(32));
    expect(() => openPayload(sealed, { tenantId, key: other })).toThrow(UnreadablePayloadError);
    expect(() => openPayload(sealed, { tenantId: randomUUID(), key })).toThrow(UnreadablePayloadError);
    const renamed = { ...sealed.metadata, 'encryption-key-id': Buffer.from('another') };
    const same = payloadKey('another', Buffer.alloc(32, 7));
    expect(() => openPayload({ ...sealed, metadata: renamed }, { tenantId, key: same })).toThrow(
      UnreadablePayloadError,
    );
  });

  it('shows nothing of the payload, its encoding included, and the same payload never twice alike (invariant 3)', () => {
    const sealed = sealPayload(jsonPayload('zzMARKERzz'), seal);
    const bytes = Buffer.concat([sealed.data!, ...Object.values(sealed.metadata!)]).toString('latin1');
    expect(bytes).not.toContain('zzMARKERzz');
    expect(bytes).not.toContain('json/plain');
    expect(Buffer.from(sealPayload(jsonPayload('zzMARKERzz'), seal).data!)).not.toEqual(
      Buffer.from(sealed.data!),
    );
  });

  it('has one format: these bytes, large ones deflated', () => {
    const nonce = Buffer.from('000102030405060708090a0b', 'hex');
    const small = sealPayload(jsonPayload({ hello: 'world' }), seal, nonce);
    expect(Object.fromEntries(Object.entries(small.metadata!).map(([k, v]) => [k, String(v)]))).toEqual({
      encoding: 'binary/encrypted',
      'encryption-cipher': 'AES-256-GCM',
      'encryption-key-id': key.id,
    });
    expect(Buffer.from(small.data!).toString('hex')).toMatchInlineSnapshot(
      `"01000102030405060708090a0b188bff7a156cb72a18d68cf2854a66909253d8a1680e165878dc72c1acbf0869b20064d8b5b85e8f9881e1cbcc2bfc41e6d98e2d10e49ef1ba911942"`,
    );
    const large = sealPayload(jsonPayload('a'.repeat(10_000)), seal, nonce);
    expect(large.data!.length).toBeLessThan(200);
    expect(plainOf(openPayload(large, seal))).toEqual(plainOf(jsonPayload('a'.repeat(10_000))));
    const incompressible = { data: randomBytes(10_000) };
    expect(sealPayload(incompressible, seal).data!.length).toBe(10_000 + 33);
  });

  it('inflates no bomb (invariant 2)', () => {
    const bomb = deflateRawSync(Buffer.alloc(MAX_PLAIN_BYTES + 1));
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', key.key, nonce);
    cipher.setAAD(Buffer.from(`pegasus-payload-v1\0${tenantId}\0${key.id}\0`));
    const body = Buffer.concat([cipher.update(Buffer.of(1)), cipher.update(bomb), cipher.final()]);
    const data = Buffer.concat([Buffer.of(1), nonce, body, cipher.getAuthTag()]);
    const { metadata } = sealPayload(jsonPayload(1), seal);
    expect(() => openPayload({ metadata: metadata!, data }, seal)).toThrow(UnreadablePayloadError);
    expect(() => sealPayload({ data: Buffer.alloc(MAX_PLAIN_BYTES) }, seal)).toThrow(RangeError);
  });

  it('tells the key of an encrypted payload, and takes no other length of key', () => {
    expect(sealedKeyId(sealPayload(jsonPayload(1), seal))).toBe(key.id);
    expect(sealedKeyId(jsonPayload(1))).toBeUndefined();
    expect(sealedKeyId({})).toBeUndefined();
    expect(() => payloadKey('short', Buffer.alloc(31, 7))).toThrow(TypeError);
  });
});
