import { createLogger } from '@pegasus-workflows/kit';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openVault, parseMasterKeys, Rewrap, schema, StoredValues } from '../../packages/server/src/index.js';
import { masterKeys } from '../support/secrets.js';
import { forEachDialect, testServer, type TestServer } from '../server/support.js';

forEachDialect('a new master key', (open) => {
  const [newer, older] = parseMasterKeys(masterKeys('new', 'old')).keys;
  let server: TestServer;
  beforeAll(async () => void (server = await testServer(await open())));
  afterAll(() => server?.close());

  const vaultOf = (...keys: (typeof newer)[]) => openVault({ keys: keys.map((key) => key!) });
  const rewrapBy = (vault: ReturnType<typeof openVault>) =>
    new Rewrap({ db: server.services.db, vault, logger: createLogger('test'), metrics: new Registry() });
  const valuesBy = (vault: ReturnType<typeof openVault>) => new StoredValues({ ...server.services, vault });

  it('takes every value over, by two servers at once and while a secret is replaced (invariants 1, 2)', async () => {
    const { id, principalId } = server.tenants.a;
    const before = valuesBy(vaultOf(older));
    for (let i = 0; i < 120; i++) await before.setSecret(id, principalId, { key: `K${i}`, value: `v${i}` });
    const vault = vaultOf(newer, older);
    const values = valuesBy(vault);
    const replace = async () => {
      await values.deleteSecret(id, 'global', 'K7');
      await values.setSecret(id, principalId, { key: 'K7', value: 'replaced' });
    };
    await Promise.all([rewrapBy(vault).round(), rewrapBy(vaultOf(newer, older)).round(), replace()]);
    await rewrapBy(vault).round();
    expect((await rewrapBy(vault).status()).keys).toEqual([
      { keyId: 'new', present: true, current: true, values: 120, removable: false },
      { keyId: 'old', present: true, current: false, values: 0, removable: true },
    ]);
    const alone = valuesBy(vaultOf(newer));
    for (let i = 0; i < 120; i++)
      expect(await alone.readSecret(id, 'global', `K${i}`)).toBe(i === 7 ? 'replaced' : `v${i}`);
  });

  it('leaves what no key opens as it is, and the rest is taken over all the same (invariant 3)', async () => {
    const { id, principalId } = server.tenants.b;
    const lost = parseMasterKeys(masterKeys('lost')).keys[0];
    await valuesBy(vaultOf(lost)).setSecret(id, principalId, { key: 'LOST', value: 'x' });
    await valuesBy(vaultOf(older)).setSecret(id, principalId, { key: 'KEPT', value: 'y' });
    const vault = vaultOf(newer, older);
    await rewrapBy(vault).round();
    await expect(valuesBy(vault).readSecret(id, 'global', 'LOST')).rejects.toMatchObject({
      code: 'SERVICE_UNAVAILABLE',
      message: expect.stringContaining('"lost"'),
    });
    expect(await valuesBy(vaultOf(newer)).readSecret(id, 'global', 'KEPT')).toBe('y');
    const rows = await server.services.db.tenant(id, (tx) => tx.select().from(schema.storedValues));
    expect(rows.map(({ masterKeyId }) => masterKeyId).sort()).toEqual(['lost', 'new']);
  });
});
