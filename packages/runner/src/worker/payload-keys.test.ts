import { randomBytes, randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { type PayloadKeySetMessage } from '../protocol.js';
import { WorkerPayloadKeys } from './payload-keys.js';

const [one, two] = [1, 2].map(() => ({ id: randomUUID(), key: randomBytes(32).toString('base64') }));
const before: PayloadKeySetMessage = { currentId: one!.id, keys: [one!] };
const after: PayloadKeySetMessage = { currentId: two!.id, keys: [two!, one!] };

it('asks only for what it does not know, once for all who wait (invariant 1)', async () => {
  const asked: string[] = [];
  const keys = new WorkerPayloadKeys(before, (id) => {
    asked.push(id);
    return Promise.resolve(after);
  });
  expect(keys.find(one!.id)).toMatchObject({ id: one!.id });
  const found = await Promise.all([keys.find(two!.id), keys.find(two!.id)]);
  expect(found.map((key) => key?.id)).toEqual([two!.id, two!.id]);
  expect(asked).toEqual([two!.id]);
});

it('encrypts with the new key as soon as it has met it (invariant 2)', async () => {
  const keys = new WorkerPayloadKeys(before, () => Promise.resolve(after));
  expect(keys.current()?.id).toBe(one!.id);
  await keys.find(two!.id);
  expect(keys.current()?.id).toBe(two!.id);
  expect(keys.find(one!.id)).toMatchObject({ id: one!.id });
});

it('tells a key that does not exist from one that cannot be had now', async () => {
  expect(await new WorkerPayloadKeys(before, () => Promise.resolve(after)).find('none')).toBeUndefined();
  const away = new WorkerPayloadKeys(before, () => Promise.resolve(undefined));
  await expect(away.find(two!.id)).rejects.toThrow('cannot be had now');
});

it('has no current key where the platform does not encrypt', () => {
  const off = new WorkerPayloadKeys({ currentId: null, keys: [one!] }, () => Promise.resolve(undefined));
  expect(off.current()).toBeUndefined();
  expect(off.find(one!.id)).toMatchObject({ id: one!.id });
});
