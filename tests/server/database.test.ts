import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createLogger } from '@pegasus-workflows/kit';
import { eq, getTableName, isTable, sql } from 'drizzle-orm';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MIGRATIONS_DIR, openDatabase, schema, type Database } from '../../packages/server/src/index.js';
import { createDatabase } from '../support/postgres.js';
import { forEachDialect, type TestDialect } from './support.js';

const logger = createLogger('test');
const rootDir = fileURLToPath(new URL('../..', import.meta.url));

forEachDialect('database', (open) => {
  let dialect: TestDialect;
  let db: Database;
  const tenantIds: string[] = [];
  const workflowOf = (tenantId: string, visibility: 'TENANT' | 'GLOBAL', version = '1.0.0') => ({
    id: crypto.randomUUID(),
    tenantId,
    name: 'demo',
    version,
    visibility,
    manifest: { name: 'demo', version, entryPoints: ['a:b'], diagram: 'x' },
    artifactSha256: '0'.repeat(64),
    artifactSizeBytes: 1,
    executable: true,
  });

  beforeAll(async () => {
    dialect = await open();
    db = await openDatabase(dialect.settings, logger);
    for (const slug of ['a', 'b', 'platform']) {
      const [row] = await db.system((tx) => tx.insert(schema.tenants).values({ slug }).returning());
      tenantIds.push(row!.id);
      const visibility = slug === 'platform' ? 'GLOBAL' : 'TENANT';
      await db.tenant(row!.id, (tx) => tx.insert(schema.workflows).values(workflowOf(row!.id, visibility)));
    }
  });
  afterAll(async () => {
    await db?.close();
    await dialect?.drop();
  });

  it('shows a tenant its own rows and GLOBAL workflows, without any where (invariant 1)', async () => {
    const [a, b, platform] = tenantIds as [string, string, string];
    const seen = async (id: string) =>
      (await db.tenant(id, (tx) => tx.select().from(schema.workflows)))
        .map(({ tenantId }) => tenantId)
        .sort();
    expect(await seen(a)).toEqual([a, platform].sort());
    expect(await seen(b)).toEqual([b, platform].sort());
    const raw = await db.tenant(a, (tx) => tx.execute(sql`select id from tenants`));
    expect(raw.rows).toEqual([{ id: a }]);
    expect(await seen('00000000-0000-4000-8000-000000000000')).toEqual([platform]);
  });

  it('refuses a write for another tenant, and touches no row but its own (invariant 1)', async () => {
    const [a, b, platform] = tenantIds as [string, string, string];
    const refused = {
      cause: expect.objectContaining({ message: expect.stringMatching(/row-level security/) }),
    };
    await expect(
      db.tenant(a, (tx) => tx.insert(schema.workflows).values(workflowOf(b, 'TENANT', '2.0.0'))),
    ).rejects.toMatchObject(refused);
    await expect(
      db.tenant(a, (tx) => tx.update(schema.workflows).set({ tenantId: b })),
    ).rejects.toMatchObject(refused);
    const changed = await db.tenant(a, (tx) => tx.update(schema.workflows).set({ name: 'mine' }).returning());
    expect(changed.map(({ tenantId }) => tenantId)).toEqual([a]);
    expect(
      await db.tenant(a, (tx) =>
        tx.delete(schema.workflows).where(eq(schema.workflows.tenantId, platform)).returning(),
      ),
    ).toEqual([]);
    await expect(db.tenant(a, (tx) => tx.insert(schema.tenants).values({ slug: 'x' }))).rejects.toThrow();
  });

  it('sees everything as the system (invariant 2), and forgets the role after each transaction (invariant 3)', async () => {
    await db.tenant(tenantIds[0]!, (tx) => tx.select().from(schema.workflows));
    expect((await db.system((tx) => tx.select().from(schema.workflows))).length).toBe(3);
    await expect(
      db.tenant(tenantIds[0]!, async (tx) => {
        await tx.insert(schema.workflows).values(workflowOf(tenantIds[0]!, 'TENANT', '3.0.0'));
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    expect((await db.system((tx) => tx.select().from(schema.workflows))).length).toBe(3);
  });

  it('refuses a tenant id that is none', async () => {
    await expect(db.tenant("x'; select 1; --", async () => 1)).rejects.toThrow('is not a tenant id');
  });

  it('refuses a transaction inside a transaction, and takes one after it (invariant 4)', async () => {
    await expect(db.system(() => db.system(async () => 1))).rejects.toThrow(/inside a transaction/);
    let later: (() => Promise<number>) | undefined;
    await db.system(async () => void (later = () => db.system(async () => 2)));
    expect(await later!()).toBe(2);
  });

  it('has row-level security, forced, on every table', async () => {
    const { rows } = await db.system((tx) =>
      tx.execute<{ name: string; safe: boolean }>(
        sql`select relname as name, relrowsecurity and relforcerowsecurity as safe from pg_class
            where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')`,
      ),
    );
    const tables = Object.values(schema).filter((value) => isTable(value));
    expect(rows.map(({ name }) => name).sort()).toEqual(tables.map((table) => getTableName(table)).sort());
    expect(rows.filter(({ safe }) => !safe)).toEqual([]);
  });
});

describe('migrations', () => {
  it('say what the schema says', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'pegasus-migrations-'));
    try {
      await cp(MIGRATIONS_DIR, dir, { recursive: true });
      const before = await readdir(dir);
      const tool = join(rootDir, 'node_modules', 'drizzle-kit', 'bin.cjs');
      // It reads its folder by a path below its own, so both are named from the package.
      const cwd = join(rootDir, 'packages', 'server');
      const args = ['generate', '--dialect', 'postgresql', '--schema', './src/infra/schema.ts'];
      const { stdout } = await promisify(execFile)(
        process.execPath,
        [tool, ...args, '--out', relative(cwd, dir)],
        { cwd },
      );
      expect(stdout).toMatch(/No schema changes/);
      expect(await readdir(dir)).toEqual(before);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });

  it('run once, whoever comes first, and on a database whose owner is no superuser (invariant 6)', async () => {
    const { url, drop } = await createDatabase();
    const owner = `owner_${crypto.randomUUID().replaceAll('-', '')}`;
    const admin = new pg.Client({ connectionString: url });
    await admin.connect();
    try {
      await admin.query(`create role ${owner} login createrole password 'test'`);
      // Roles that are there already, made by somebody else, must be granted by whoever owns them.
      for (const role of ['pegasus_tenant', 'pegasus_system']) {
        const { rowCount } = await admin.query('select from pg_roles where rolname = $1', [role]);
        if (rowCount) await admin.query(`grant ${role} to ${owner} with admin option`);
      }
      await admin.query(`alter database ${new URL(url).pathname.slice(1)} owner to ${owner}`);
      await admin.query(`grant all on schema public to ${owner}`);
      const asOwner = new URL(url);
      asOwner.username = owner;
      asOwner.password = 'test';
      const opened = await Promise.all([1, 2, 3].map(() => openDatabase({ url: asOwner.href }, logger)));
      const [row] = await opened[0]!.system((tx) =>
        tx.insert(schema.tenants).values({ slug: 'a' }).returning(),
      );
      expect(await opened[1]!.tenant(row!.id, (tx) => tx.select().from(schema.tenants))).toEqual([row]);
      const { rows } = await admin.query('select count(*)::int as n from drizzle.__drizzle_migrations');
      const migrations = (await readdir(MIGRATIONS_DIR)).filter((file) => /^\d{4}_.*\.sql$/.test(file));
      expect(rows).toEqual([{ n: migrations.length }]);
      await Promise.all(opened.map((db) => db.close()));
    } finally {
      await admin.query(`reassign owned by ${owner} to current_user`);
      await admin.query(`drop owned by ${owner} cascade`);
      await admin.query(`alter database ${new URL(url).pathname.slice(1)} owner to current_user`);
      await admin.query(`drop role ${owner}`).catch(() => undefined);
      await admin.end();
      await drop();
    }
  });
});

describe('a PGlite directory', () => {
  it('belongs to one process, and keeps every committed row through kill -9 (invariant 5)', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'pegasus-pglite-'));
    const data = join(dir, 'db');
    const child = fork(fileURLToPath(new URL('./database-child.mjs', import.meta.url)), [data]);
    try {
      let committed = -1;
      child.on('message', (n) => (committed = Number(n)));
      await expect.poll(() => committed, { timeout: 60_000 }).toBeGreaterThan(20);
      await expect(openDatabase({ pgliteDir: data }, logger)).rejects.toMatchObject({
        code: 'SERVICE_UNAVAILABLE',
        message: `The directory ${data} is in use by process ${child.pid} on ${hostname()}.`,
      });
      child.kill('SIGKILL');
      await once(child, 'exit');
      const started = performance.now();
      const db = await openDatabase({ pgliteDir: data }, logger);
      const slugs = new Set(
        (await db.system((tx) => tx.select().from(schema.tenants))).map(({ slug }) => slug),
      );
      for (let n = 0; n <= committed; n++) expect(slugs).toContain(`committed-${n}`);
      // The dead process's lock was taken over, not waited for.
      expect(performance.now() - started).toBeLessThan(20_000);
      await db.close();
      const again = await openDatabase({ pgliteDir: data }, logger);
      await again.close();
    } finally {
      child.kill('SIGKILL');
      await rm(dir, { recursive: true, force: true });
    }
  });
});
