import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '@pegasus-workflows/kit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bootstrap, revokeKey, schema, type BootstrapFile } from '../../packages/server/src/index.js';
import { failure, forEachDialect, testServer, type TestServer } from './support.js';

const PATH = '/api/v1/workflows';

forEachDialect('API keys', (open) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await testServer(await open());
  });
  afterAll(() => server?.close());

  it('tells unknown, revoked and expired keys apart, from the next call on (invariant 2)', async () => {
    expect(await server.call('GET', PATH, { key: `vnd_${'a'.repeat(40)}` })).toEqual(
      failure(401, 'UNAUTHENTICATED', 'This API key is not known.'),
    );
    expect((await server.call('GET', PATH)).headers.get('www-authenticate')).toBe('Bearer');
    const { key, id } = await server.keyOf(['workflow_developer']);
    expect(await server.call('GET', PATH, { key })).toMatchObject({ status: 200 });
    const { db, clock } = server.services;
    expect(await db.tenant(server.tenants.b.id, (tx) => revokeKey(tx, id, clock()))).toBe(false);
    expect(await server.call('GET', PATH, { key })).toMatchObject({ status: 200 });
    expect(await db.tenant(server.tenants.a.id, (tx) => revokeKey(tx, id, clock()))).toBe(true);
    expect(await server.call('GET', PATH, { key })).toEqual(
      failure(401, 'UNAUTHENTICATED', 'This API key has been revoked.'),
    );
    const short = await server.keyOf(['workflow_developer'], { expiresAt: new Date(Date.now() + 60_000) });
    expect(await server.call('GET', PATH, { key: short.key })).toMatchObject({ status: 200 });
    server.turnClock(61_000);
    expect(await server.call('GET', PATH, { key: short.key })).toEqual(
      failure(401, 'UNAUTHENTICATED', 'This API key has expired.'),
    );
    server.resetClock();
  });

  it('stores nothing that gives a key back (invariant 1)', async () => {
    const { key } = await server.keyOf(['workflow_developer']);
    expect(key).toMatch(/^vnd_[0-9A-Za-z]{40}$/);
    const rows = await server.services.db.system((tx) => tx.select().from(schema.apiKeys));
    expect(JSON.stringify(rows)).not.toContain(key.slice(12));
  });
});

forEachDialect('bootstrap', (open) => {
  const logger = createLogger('test');
  let dir: string;
  let server: TestServer;
  const read = async () => JSON.parse(await readFile(join(dir, 'bootstrap.json'), 'utf8')) as BootstrapFile;
  const run = () => bootstrap(server.services.db, join(dir, 'bootstrap.json'), server.services.clock, logger);
  const works = async (key: string) => (await server.call('GET', PATH, { key })).status;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'pegasus-bootstrap-'));
    const dialect = await open();
    // The suite's own tenants would be in the way: exactly one platform tenant exists.
    server = await testServer(dialect);
    await server.services.db.system(async (tx) => {
      for (const table of [schema.apiKeys, schema.principals, schema.tenants]) await tx.delete(table);
    });
  });
  afterAll(async () => {
    await server?.close();
    await rm(dir, { recursive: true, force: true });
  });

  it('makes tenants, keys and a private file once (invariants 1, 2)', async () => {
    await run();
    const file = await read();
    expect((await stat(join(dir, 'bootstrap.json'))).mode & 0o777).toBe(0o600);
    expect([await works(file.apiKey), await works(file.platformApiKey)]).toEqual([200, 200]);
    await run();
    expect(await read()).toEqual(file);
    expect((await server.services.db.system((tx) => tx.select().from(schema.tenants))).length).toBe(2);
  });

  it('mints new keys for a lost or broken file and revokes the old ones (invariants 1, 3)', async () => {
    const old = await read();
    for (const spoil of [
      () => rm(join(dir, 'bootstrap.json')),
      () => writeFile(join(dir, 'bootstrap.json'), '{"ten'),
    ]) {
      const last = await read();
      await spoil();
      await run();
      const file = await read();
      expect([file.tenantId, file.platformTenantId]).toEqual([old.tenantId, old.platformTenantId]);
      expect([await works(last.apiKey), await works(last.platformApiKey)]).toEqual([401, 401]);
      expect([await works(file.apiKey), await works(file.platformApiKey)]).toEqual([200, 200]);
    }
  });

  it('revokes, at the next start, what a crash after the file left valid (invariant 3)', async () => {
    const { db } = server.services;
    const file = await read();
    const before = await db.system((tx) => tx.select().from(schema.apiKeys));
    await db.system((tx) => tx.update(schema.apiKeys).set({ revokedAt: null }));
    await run();
    expect(await read()).toEqual(file);
    const after = await db.system((tx) => tx.select().from(schema.apiKeys));
    const live = (rows: typeof before) =>
      rows
        .filter(({ revokedAt }) => !revokedAt)
        .map(({ id }) => id)
        .sort();
    expect(live(after)).toEqual(live(before));
  });
});
