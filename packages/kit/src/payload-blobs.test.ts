import { randomBytes, randomUUID } from 'node:crypto';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  INLINE_BYTES,
  isBlobReference,
  PayloadTooLargeError,
  sha256Of,
  type BlobLimits,
} from './payload-blobs.js';
import { payloadKey, sealedKeyId, UnreadablePayloadError, type Payload } from './payload-cipher.js';
import { payloadCodec } from './payload-codec.js';

const tenantId = randomUUID();
const key = payloadKey(randomUUID(), randomBytes(32));
const keys = { current: () => key, find: (id: string) => (id === key.id ? key : undefined) };
const limits: BlobLimits = { fromBytes: 1_000, maxBytes: 100_000 };

/** Blobs of one tenant, and a codec that keeps and finds them there. */
function kept(use: BlobLimits = limits) {
  const blobs = new Map<string, Uint8Array>();
  const store = {
    put: (bytes: Uint8Array) => {
      blobs.set(sha256Of(bytes), bytes);
      return Promise.resolve(sha256Of(bytes));
    },
    get: (sha256: string) => Promise.resolve(blobs.get(sha256)),
  };
  return { blobs, store, codec: payloadCodec(tenantId, keys, { blobs: { store, limits: use } }) };
}
const value = (bytes: number): Payload => ({
  metadata: { encoding: Buffer.from('binary/plain') },
  data: randomBytes(bytes),
});
const plainOf = ({ data }: Payload): string => Buffer.from(data ?? []).toString('hex');

it('gives back what was put in, whatever is small or large (invariants 1 and 2)', async () => {
  const values = fc.array(fc.nat({ max: 3_000 }).map(value), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(values, async (payloads) => {
      const { blobs, codec } = kept();
      const encoded = await codec.encode(payloads);
      for (const payload of encoded) expect(payload.data!.length).toBeLessThanOrEqual(limits.fromBytes);
      expect(encoded.filter(isBlobReference)).toHaveLength(blobs.size);
      expect((await codec.decode(encoded)).map(plainOf)).toEqual(payloads.map(plainOf));
    }),
    { numRuns: 50 },
  );
});

it('says in a reference what it refers to, its key included, and nothing else', async () => {
  const { blobs, codec } = kept();
  const [reference] = await codec.encode([value(2_000)]);
  const [[sha256, bytes]] = [...blobs] as [[string, Uint8Array]];
  expect(Object.fromEntries(Object.entries(reference!.metadata!).map(([k, v]) => [k, String(v)]))).toEqual({
    encoding: 'binary/blob-reference',
    'blob-sha256': sha256,
    'blob-bytes': String(bytes.length),
    'encryption-cipher': 'AES-256-GCM',
    'encryption-key-id': key.id,
  });
  expect(reference!.data).toHaveLength(0);
  expect(sealedKeyId(reference!)).toBe(key.id);
  // What is a reference already stays one.
  expect(await codec.encode([reference!])).toEqual([reference]);
});

it('keeps the largest of many that are too much together (invariant 3)', async () => {
  const { blobs, codec } = kept({ fromBytes: INLINE_BYTES, maxBytes: INLINE_BYTES });
  const sizes = [300_000, 200_000, 400_000, 250_000, 350_000];
  const encoded = await codec.encode(sizes.map(value));
  expect(encoded.map(isBlobReference)).toEqual([false, false, true, false, true]);
  expect(blobs.size).toBe(2);
  expect((await codec.encode([value(INLINE_BYTES - 1_000)])).some(isBlobReference)).toBe(false);
});

it('refuses what is larger than any may be, and keeps nothing of its message', async () => {
  const { blobs, codec } = kept();
  const encoding = codec.encode([value(5_000), value(100_001)]);
  await expect(encoding).rejects.toThrow(PayloadTooLargeError);
  await expect(encoding).rejects.toThrow(/at most 100000 are allowed/);
  expect(blobs.size).toBe(0);
});

it('has no reference to what could not be kept (invariant 1)', async () => {
  const { store } = kept();
  const away = { ...store, put: () => Promise.reject(new Error('away')) };
  const codec = payloadCodec(tenantId, keys, { blobs: { store: away, limits } });
  await expect(codec.encode([value(5_000)])).rejects.toThrow('away');
});

it('opens no other bytes than those that were put there (invariant 2)', async () => {
  const { blobs, codec } = kept();
  const [reference] = await codec.encode([value(5_000)]);
  const [other] = await codec.encode([value(5_000)]);
  const [mine, others] = [...blobs.keys()];
  const read = () => codec.decode([reference!]);
  blobs.set(mine!, blobs.get(others!)!);
  await expect(read()).rejects.toThrow(/another SHA-256/);
  blobs.delete(mine!);
  await expect(read()).rejects.toThrow(/not stored, or no longer/);
  for (const sha256 of ['', '../../etc/passwd', 'x'.repeat(64)]) {
    const metadata = { ...other!.metadata, 'blob-sha256': Buffer.from(sha256) };
    await expect(codec.decode([{ ...other!, metadata }])).rejects.toThrow(UnreadablePayloadError);
  }
});

it('opens no blob of another tenant, should it ever be given one', async () => {
  const { codec, store } = kept();
  const [reference] = await codec.encode([value(5_000)]);
  const stranger = payloadCodec(randomUUID(), keys, { blobs: { store, limits } });
  await expect(stranger.decode([reference!])).rejects.toThrow(UnreadablePayloadError);
  await expect(payloadCodec(tenantId, keys).decode([reference!])).rejects.toThrow(/cannot be had here/);
});

it('makes a marker of what is gone, and an error of what cannot be told now', async () => {
  const { codec, store, blobs } = kept();
  const [reference] = await codec.encode([value(5_000)]);
  blobs.clear();
  const unreadable = (error: UnreadablePayloadError) => ({ data: Buffer.from(error.keyId) });
  const shown = payloadCodec(tenantId, keys, { unreadable, blobs: { store, limits } });
  expect(String((await shown.decode([reference!]))[0]!.data)).toBe(key.id);
  const away = { ...store, get: () => Promise.reject(new Error('away')) };
  const now = payloadCodec(tenantId, keys, { unreadable, blobs: { store: away, limits } });
  await expect(now.decode([reference!])).rejects.toThrow('away');
});
