import { randomBytes, randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { payloadKey, sealedKeyId, type UnreadablePayloadError, type Payload } from './payload-cipher.js';
import { payloadCodec } from './payload-codec.js';

const tenantId = randomUUID();
const [older, newer] = [1, 2].map(() => payloadKey(randomUUID(), randomBytes(32)));
const plain: Payload = { metadata: { encoding: Buffer.from('json/plain') }, data: Buffer.from('"x"') };
const codecOf = (current: typeof older, ...all: (typeof older)[]) =>
  payloadCodec(tenantId, {
    current: () => current,
    find: (id) => all.find((key) => key?.id === id),
  });

it('encrypts with the current key and reads with every key of the tenant', async () => {
  const [before] = await codecOf(older, older).encode([plain]);
  const codec = codecOf(newer, older, newer);
  const [after] = await codec.encode([plain]);
  expect([before, after].map((payload) => sealedKeyId(payload!))).toEqual([older!.id, newer!.id]);
  const read = await codec.decode([before!, after!, plain]);
  expect(read.map(({ data }) => String(data))).toEqual(['"x"', '"x"', '"x"']);
});

it('encrypts nothing twice, and nothing at all without a current key', async () => {
  const [sealed] = await codecOf(older, older).encode([plain]);
  expect(await codecOf(newer, newer).encode([sealed!])).toEqual([sealed]);
  expect(await codecOf(undefined).encode([plain])).toEqual([plain]);
});

it('says which key is missing, or makes of it what it is told to', async () => {
  const [sealed] = await codecOf(older, older).encode([plain]);
  await expect(codecOf(newer, newer).decode([sealed!])).rejects.toMatchObject({ keyId: older!.id });
  const shown = payloadCodec(
    tenantId,
    { current: () => newer, find: () => undefined },
    { unreadable: (error: UnreadablePayloadError) => ({ data: Buffer.from(error.keyId) }) },
  );
  const [marker] = await shown.decode([sealed!]);
  expect(String(marker!.data)).toBe(older!.id);
});

it('passes on that keys cannot be had now, for that may be otherwise later', async () => {
  const [sealed] = await codecOf(older, older).encode([plain]);
  const away = payloadCodec(
    tenantId,
    { current: () => older, find: () => Promise.reject(new Error('away')) },
    { unreadable: () => plain },
  );
  await expect(away.decode([sealed!])).rejects.toThrow('away');
});
