import { randomUUID } from 'node:crypto';
import { type PayloadKeySet } from '@pegasus-workflows/contracts';
import { expect, it } from 'vitest';
import { TenantPayloadKeys } from './payload-keys.js';

const tenantId = randomUUID();
const setOf = (...ids: string[]): PayloadKeySet => ({
  currentId: ids[0] ?? null,
  keys: ids.map((id) => ({ id, key: Buffer.alloc(32).toString('base64') })),
});

it('keeps what it knows while the server is away (invariant 1)', async () => {
  let isAway = false;
  const keys = new TenantPayloadKeys(() =>
    isAway ? Promise.reject(new Error('away')) : Promise.resolve(setOf('one')),
  );
  expect(keys.known(tenantId)).toBeUndefined();
  await keys.fetch(tenantId);
  isAway = true;
  await expect(keys.fetch(tenantId)).rejects.toThrow('away');
  expect(keys.known(tenantId)).toEqual(setOf('one'));
  expect(await keys.with(tenantId, 'one')).toEqual(setOf('one'));
});

it('asks once for all who wait, and not again for a while (invariant 2)', async () => {
  let asked = 0;
  let present = setOf('one');
  const keys = new TenantPayloadKeys(() => {
    asked++;
    return Promise.resolve(present);
  }, 50);
  await Promise.all([keys.with(tenantId, 'one'), keys.with(tenantId, 'one')]);
  expect(asked).toBe(1);
  present = setOf('two', 'one');
  const waiting = Promise.all(['two', 'two', 'none'].map((id) => keys.with(tenantId, id)));
  expect(asked).toBe(1);
  expect(await waiting).toEqual([present, present, present]);
  expect(asked).toBe(2);
});
