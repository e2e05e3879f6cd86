import { randomUUID } from 'node:crypto';
import { temporalWorkflowId, type PayloadKeyInfo, type PayloadKeySet } from '@pegasus-workflows/contracts';
import { payloadCodec, sealedKeyId, type Payload } from '@pegasus-workflows/kit/payloads';
import { createLogger } from '@pegasus-workflows/kit';
import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openVault, parseMasterKeys, PayloadKeyring, schema } from '../../packages/server/src/index.js';
import { TemporalPayloads, readableFailure } from '../../packages/server/src/infra/temporal-payloads.js';
import { masterKeys } from '../support/secrets.js';
import { failure, forEachDialect, testServer, type TestServer } from '../server/support.js';

const plain: Payload = { metadata: { encoding: Buffer.from('json/plain') }, data: Buffer.from('"word"') };

forEachDialect('payload keys', (open) => {
  let server: TestServer;
  beforeAll(
    async () =>
      void (server = await testServer(await open(), undefined, { PEGASUS_PAYLOAD_ENCRYPTION: 'on' })),
  );
  afterAll(() => server?.close());

  /** A further server on the same database. */
  const replica = (over: Partial<ConstructorParameters<typeof PayloadKeyring>[0]> = {}) =>
    new PayloadKeyring({ ...server.services, logger: createLogger('test'), encrypts: true, ...over });
  const rowsOf = (tenantId: string) =>
    server.services.db.system((tx) =>
      tx.select().from(schema.payloadKeys).where(eq(schema.payloadKeys.tenantId, tenantId)),
    );
  async function tenant(): Promise<string> {
    const [row] = await server.services.db.system((tx) =>
      tx
        .insert(schema.tenants)
        .values({ slug: `t-${randomUUID()}` })
        .returning(),
    );
    return row!.id;
  }
  const seal = async (keyring: PayloadKeyring, tenantId: string) =>
    (await payloadCodec(tenantId, keyring.of(tenantId)).encode([plain]))[0]!;
  const read = async (keyring: PayloadKeyring, tenantId: string, sealed: Payload) =>
    String((await payloadCodec(tenantId, keyring.of(tenantId)).decode([sealed]))[0]!.data);

  it('are made at the first need, one however many servers need it (invariant 1)', async () => {
    const tenantId = await tenant();
    const replicas = Array.from({ length: 4 }, () => replica());
    const sealed = await Promise.all([...replicas, ...replicas].map((keyring) => seal(keyring, tenantId)));
    expect(await rowsOf(tenantId)).toHaveLength(1);
    expect(new Set(sealed.map(sealedKeyId)).size).toBe(1);
    for (const payload of sealed) expect(await read(replica(), tenantId, payload)).toBe('"word"');
  });

  it('are rotated while others encrypt, by two servers at once: everything stays readable by everybody (invariants 2, 4)', async () => {
    const tenantId = await tenant();
    const [one, two] = [replica(), replica()];
    const before = [await seal(one, tenantId), await seal(two, tenantId)];
    const during = await Promise.all([
      one.rotate(tenantId, randomUUID()).then(() => seal(one, tenantId)),
      two.rotate(tenantId, randomUUID()).then(() => seal(two, tenantId)),
      seal(one, tenantId),
      seal(two, tenantId),
    ]);
    for (const payload of [...before, ...during])
      for (const keyring of [one, two, replica()])
        expect(await read(keyring, tenantId, payload)).toBe('"word"');
    const rows = await rowsOf(tenantId);
    expect([rows.length, rows.filter(({ retiredAt }) => retiredAt === null).length]).toEqual([3, 1]);
  });

  it('read for no other tenant, whatever key its payload names, and show a marker in its place', async () => {
    const [a, b] = [server.tenants.a.id, server.tenants.b.id];
    const { payloadKeys } = server.services;
    const stolen = await seal(payloadKeys, a);
    await seal(payloadKeys, b);
    const payloads = new TemporalPayloads({ keys: (tenantId) => payloadKeys.of(tenantId) });
    const converter = payloads.exact(temporalWorkflowId(b, 'demo', randomUUID()));
    const [marker] = await converter.payloadCodecs[0]!.decode([stolen]);
    expect(JSON.parse(String(marker!.data))).toEqual({
      unreadablePayload: { keyId: sealedKeyId(stolen), reason: expect.stringContaining('does not have') },
    });
    const own = payloads.exact(`ch/${a}/whatever`);
    expect(String((await own.payloadCodecs[0]!.decode([stolen]))[0]!.data)).toBe('"word"');
    expect(payloads.exact(randomUUID()).payloadCodecs).toEqual([]);
  });

  it('put the text of a sealed failure back, and that of its cause', async () => {
    const { a } = server.tenants;
    const payloads = new TemporalPayloads({ keys: (tenantId) => server.services.payloadKeys.of(tenantId) });
    const converter = payloads.shown(temporalWorkflowId(a.id, 'demo', randomUUID()));
    const sealText = async (message: string) => {
      const payload = converter.payloadConverter.toPayload({ message, stack_trace: `at ${message}` });
      return (await converter.payloadCodecs[0]!.encode([payload]))[0]!;
    };
    const sealed = {
      message: 'Encoded failure',
      encodedAttributes: await sealText('outer'),
      cause: { message: 'Encoded failure', encodedAttributes: await sealText('inner') },
    };
    expect(await readableFailure(converter, sealed)).toMatchObject({
      message: 'outer',
      stackTrace: 'at outer',
      encodedAttributes: null,
      cause: { message: 'inner', stackTrace: 'at inner', encodedAttributes: null },
    });
    const lost = { ...(await sealText('x')) };
    lost.data = Buffer.concat([lost.data!, Buffer.of(0)]);
    expect(
      await readableFailure(converter, { message: 'Encoded failure', encodedAttributes: lost }),
    ).toMatchObject({
      message: expect.stringContaining('is not what was encrypted'),
    });
  });

  it('whose master key is missing: new ones wait, a look shows a marker, and all is back with the key (invariant 3)', async () => {
    const tenantId = await tenant();
    const [kept, lost] = parseMasterKeys(masterKeys('kept', 'lost')).keys;
    const vault = openVault({ keys: [lost!] });
    const sealed = await seal(replica({ vault }), tenantId);
    const without = replica({ vault: openVault({ keys: [kept!] }) });
    await expect(seal(without, tenantId)).rejects.toMatchObject({
      code: 'SERVICE_UNAVAILABLE',
      message: expect.stringContaining('"lost"'),
    });
    const payloads = new TemporalPayloads({ keys: (id) => without.of(id) });
    const id = temporalWorkflowId(tenantId, 'demo', randomUUID());
    await expect(payloads.exact(id).payloadCodecs[0]!.decode([sealed])).rejects.toMatchObject({
      name: 'TemporalError',
      certainty: 'unknown',
    });
    const [marker] = await payloads.shown(id).payloadCodecs[0]!.decode([sealed]);
    expect(String(marker!.data)).toContain(sealedKeyId(sealed));
    expect(await read(replica({ vault: openVault({ keys: [kept!, lost!] }) }), tenantId, sealed)).toBe(
      '"word"',
    );
  });

  it('are told to people without the key, to the runner with it, and their rotation is in the audit log', async () => {
    const { a, b } = server.tenants;
    const rotated = await server.call<PayloadKeyInfo>('POST', '/api/v1/payload-keys/rotate', { key: a.key });
    expect(rotated).toMatchObject({
      status: 201,
      body: { data: { current: true, createdByUserId: a.principalId } },
    });
    const listed = await server.call<PayloadKeyInfo[]>('GET', '/api/v1/payload-keys', { key: a.key });
    expect(listed.body.data[0]).toEqual(rotated.body.data);
    const developer = await server.keyOf(['workflow_developer']);
    expect(await server.call('POST', '/api/v1/payload-keys/rotate', { key: developer.key })).toEqual(
      failure(403, 'FORBIDDEN', /ManagePayloadKeys/),
    );
    const path = (tenantId: string) => `/internal/v1/tenants/${tenantId}/payload-keys`;
    const key = server.settings.runnerToken;
    const told = await server.call('GET', path(a.id), { key });
    const set = told.body as unknown as PayloadKeySet;
    expect(told.headers.get('cache-control')).toBe('no-store');
    expect(set.currentId).toBe(rotated.body.data.id);
    expect(set.keys.map(({ id }) => id).sort()).toEqual(listed.body.data.map(({ id }) => id).sort());
    for (const { key: bytes } of set.keys) expect(JSON.stringify(listed.body)).not.toContain(bytes);
    expect(await server.call('GET', path(randomUUID()), { key })).toEqual(
      failure(404, 'NOT_FOUND', /no tenant/),
    );
    expect(
      ((await server.call('GET', path(b.id), { key })).body as unknown as PayloadKeySet).keys,
    ).toHaveLength(1);
    const audit = await server.call('GET', '/api/v1/audit', { key: a.key });
    expect(JSON.stringify(audit.body.data)).toContain('payload_keys');
  });

  it('are read but not used where encryption is off', async () => {
    const tenantId = await tenant();
    const sealed = await seal(replica(), tenantId);
    const off = replica({ encrypts: false });
    expect(await seal(off, tenantId)).toBe(plain);
    expect(await read(off, tenantId, sealed)).toBe('"word"');
    expect((await off.setOf(tenantId)).currentId).toBeNull();
    expect((await off.setOf(await tenant())).keys).toEqual([]);
  });

  it('open only what was sealed for their tenant: a row moved to another tenant is no key', async () => {
    const [from, to] = [await tenant(), await tenant()];
    const sealed = await seal(replica(), from);
    await server.services.db.system((tx) =>
      tx.update(schema.payloadKeys).set({ tenantId: to }).where(eq(schema.payloadKeys.tenantId, from)),
    );
    await expect(read(replica(), to, sealed)).rejects.toMatchObject({ code: 'INTERNAL_ERROR' });
  });
});
