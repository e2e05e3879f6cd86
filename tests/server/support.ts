import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serve } from '@hono/node-server';
import { type ErrorBody, type Role, type UploadUrl, type Workflow } from '@pegasus-workflows/contracts';
import { createLogger, type TemporalSettings } from '@pegasus-workflows/kit';
import { Registry } from 'prom-client';
import { describe, expect, inject } from 'vitest';
import {
  ArtifactVerifier,
  AuditLog,
  connectTemporal,
  createApp,
  createExecutionEngine,
  createKey,
  EagerTasks,
  keyFinder,
  KeyUsage,
  openBlobFiles,
  openDatabase,
  openLocalArtifacts,
  openVault,
  parseServerSettings,
  PayloadBlobStore,
  PayloadKeyring,
  schema,
  type DatabaseSettings,
  type Services,
} from '../../packages/server/src/index.js';
import { inTurns } from '../support/in-turns.js';
import { freshPglite } from '../support/pglite-template.js';
import { createDatabase } from '../support/postgres.js';
import '../support/provided.js';
import { serverSecrets } from '../support/secrets.js';
import { type Artifact } from './artifacts.js';

export interface TestDialect {
  settings: DatabaseSettings;
  drop(): Promise<void>;
}

const DIALECTS = {
  PGlite: async () => {
    const { pgliteDir, drop } = await freshPglite();
    return { settings: { pgliteDir }, drop };
  },
  PostgreSQL: async () => {
    const { url, drop } = await createDatabase('migrated');
    return { settings: { url }, drop };
  },
} satisfies Record<string, () => Promise<TestDialect>>;

/** A database of its own for a suite whose subject is not the database: the one whose start and statements cost least. */
export const openAnyDialect: () => Promise<TestDialect> = DIALECTS.PostgreSQL;

/** The embedded database, for a suite that looks at its directory or its lock. */
export const openEmbedded: () => Promise<TestDialect> = DIALECTS.PGlite;

/** Declares a suite twice: on the embedded database and on a real PostgreSQL, a database of its own each. */
export function forEachDialect(
  name: string,
  declare: (open: () => Promise<TestDialect>) => void,
  dialects: readonly Dialect[] = Object.entries(DIALECTS),
): void {
  for (const [dialect, open] of dialects) describe(`${name} on ${dialect}`, () => declare(open));
}
type Dialect = [name: string, open: () => Promise<TestDialect>];

/**
 * Declares a suite on one of the two, another in every other run: for what is killed at many points, which the next run
 * tries on the other. `npm run test:crashes` has both.
 */
export function forOneDialect(name: string, declare: (open: () => Promise<TestDialect>) => void): void {
  forEachDialect(name, declare, inTurns(Object.entries(DIALECTS), 'PEGASUS_ALL_DIALECTS'));
}

export interface Reply<T = any> {
  status: number;
  headers: Headers;
  body: { data: T; meta?: { count: number } } & ErrorBody;
}

export interface CallOptions {
  key?: string | undefined;
  body?: unknown;
  headers?: Record<string, string>;
}

/**
 * The server's app on a fresh database, with three tenants and their keys, a clock to turn, and everything real.
 * @param temporal another Temporal than the run's, for a test that stops it
 * @param env settings that win. Payloads are not encrypted unless they say so: a test's own worker has no keys
 */
export async function testServer(
  dialect: TestDialect,
  temporal: TemporalSettings = inject('temporal'),
  env: Record<string, string> = {},
) {
  const dir = await mkdtemp(join(tmpdir(), 'pegasus-server-'));
  const settings = parseServerSettings({
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
    PEGASUS_PGLITE_DIR: 'memory://',
    PEGASUS_ARTIFACTS_DIR: join(dir, 'artifacts'),
    ...serverSecrets(),
    PEGASUS_PUBLIC_URL: 'http://pegasus.test',
    PEGASUS_PAYLOAD_ENCRYPTION: 'off',
    // Tests with several tenants do not wait for each other's.
    PEGASUS_STARTS_AT_ONCE: '64',
    ...env,
  });
  let offsetMs = 0;
  const logger = createLogger('test');
  const db = await openDatabase(dialect.settings, logger);
  const clock = () => new Date(Date.now() + offsetMs);
  const keyUsage = new KeyUsage({ db, logger });
  const audit = new AuditLog({ db, logger, clock });
  const vault = openVault(settings.masterKeys);
  const { payloadEncryption: encrypts, payloadBlobs: limits } = settings;
  const payloadKeys = new PayloadKeyring({ db, vault, logger, clock, encrypts });
  const blobFiles = await openBlobFiles(join(settings.artifactsDir, 'payloads'));
  const payloadBlobs = new PayloadBlobStore({ db, files: blobFiles, limits, clock, logger });
  const services: Services = {
    db,
    keyUsage,
    audit,
    findKey: await keyFinder(db),
    artifacts: await openLocalArtifacts(settings.artifactsDir),
    verifier: new ArtifactVerifier(),
    temporal: connectTemporal(settings.temporal, {
      payloads: {
        keys: (tenantId) => payloadKeys.of(tenantId),
        blobs: (tenantId) => payloadBlobs.of(tenantId),
      },
    }),
    eagerTasks: new EagerTasks(),
    vault,
    payloadKeys,
    payloadBlobs,
    blobFiles,
    logger,
    metrics: new Registry(),
    settings,
    clock,
  };
  const engine = createExecutionEngine(services);
  const app = createApp(services, engine);
  const tenants = {
    a: await makeTenant(services, 'a'),
    b: await makeTenant(services, 'b'),
    platform: await makeTenant(services, 'platform', true),
  };
  const servers: Server[] = [];

  const call = async <T = any>(
    method: string,
    path: string,
    options: CallOptions = {},
  ): Promise<Reply<T>> => {
    const headers: Record<string, string> = { ...options.headers };
    if (options.key !== undefined) headers['authorization'] = `Bearer ${options.key}`;
    const isRaw = typeof options.body === 'string' || options.body instanceof Uint8Array;
    if (options.body !== undefined && !isRaw) headers['content-type'] ??= 'application/json';
    const body = isRaw ? (options.body as BodyInit) : JSON.stringify(options.body);
    const response = await app.request(path, {
      method,
      headers,
      ...(options.body === undefined ? {} : { body }),
    });
    const isStream = /event-stream|x-ndjson/.test(response.headers.get('content-type') ?? '');
    // A stream has no end to wait for.
    if (isStream) await response.body?.cancel();
    const text = isStream ? '' : await response.text();
    const isJson = !isStream && (response.headers.get('content-type')?.includes('json') ?? false);
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
  };

  const server = {
    dir,
    app,
    services,
    keyUsage,
    engine,
    settings,
    tenants,
    call,
    /** The body of a page that is not JSON. */
    async text(path: string): Promise<string> {
      const response = await app.request(path);
      expect(response.status).toBe(200);
      return response.text();
    },
    turnClock: (ms: number) => void (offsetMs += ms),
    resetClock: () => void (offsetMs = 0),
    reserve: (key: string, { manifest: { name, version }, zip }: Artifact) =>
      call<UploadUrl>('POST', '/api/v1/workflows/upload-url', {
        key,
        body: { name, version, sizeBytes: zip.length },
      }),
    put: (uploadUrl: string, zip: Buffer, headers: Record<string, string> = {}) =>
      call('PUT', uploadUrl.slice(settings.publicUrl.length), {
        body: new Uint8Array(zip),
        headers: { 'content-type': 'application/zip', 'content-length': String(zip.length), ...headers },
      }),
    finalize: (key: string, workflowId: string, manifest: unknown) =>
      call<Workflow>('POST', '/api/v1/workflows', { key, body: { workflowId, manifest } }),
    /** upload-url, PUT, finalize: the answer of the last. */
    async publish(key: string, artifact: Artifact): Promise<Reply<Workflow>> {
      const reserved = await server.reserve(key, artifact);
      expect(reserved).toMatchObject({ status: 201 });
      expect(await server.put(reserved.body.data.uploadUrl, artifact.zip)).toMatchObject({ status: 204 });
      return server.finalize(key, reserved.body.data.workflowId, artifact.manifest);
    },
    /** A further key of tenant A. */
    async keyOf(roles: Role[], over: { expiresAt?: Date } = {}) {
      const { id: tenantId, principalId } = tenants.a;
      return services.db.tenant(tenantId, (tx) => createKey(tx, { tenantId, principalId, roles, ...over }));
    },
    /** All that is stored, rows and bytes, to compare before and after. */
    async snapshot() {
      const rows = await services.db.system(async (tx) => ({
        workflows: await tx.select().from(schema.workflows).orderBy(schema.workflows.id),
        uploads: await tx.select().from(schema.workflowUploads).orderBy(schema.workflowUploads.workflowId),
        executions: await tx.select().from(schema.executions).orderBy(schema.executions.id),
      }));
      const stored = (await services.artifacts.list()).map(({ sha256 }) => sha256).sort();
      const staged = (await services.artifacts.listStaged()).map(({ file }) => file).sort();
      return { ...rows, stored, staged };
    },
    /** The same app behind a real socket, for what only streaming shows. Answers its base URL. */
    async listen(): Promise<string> {
      const listening = await new Promise<Server>((resolve) => {
        const started = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, () =>
          resolve(started),
        ) as Server;
      });
      servers.push(listening);
      return `http://127.0.0.1:${(listening.address() as AddressInfo).port}`;
    },
    async close() {
      for (const listening of servers) {
        listening.closeAllConnections();
        await new Promise((done) => listening.close(done));
      }
      await engine.close();
      await services.verifier.close();
      await services.temporal.close();
      await keyUsage.close();
      await audit.close();
      await services.db.close();
      await dialect.drop();
      await rm(dir, { recursive: true, force: true });
    },
  };
  return server;
}
export type TestServer = Awaited<ReturnType<typeof testServer>>;

async function makeTenant({ db }: Services, slug: string, isPlatform = false) {
  return db.system(async (tx) => {
    const id = randomUUID();
    await tx.insert(schema.tenants).values({ id, slug, isPlatform });
    const [principal] = await tx
      .insert(schema.principals)
      .values({ tenantId: id, kind: 'USER', name: slug })
      .returning();
    const principalId = principal!.id;
    const { key } = await createKey(tx, { tenantId: id, principalId, roles: ['tenant_admin'] });
    return { id, principalId, key };
  });
}

/** The body of a failure, exactly. */
export function failure(status: number, code: string, error: string | RegExp) {
  const sentence = typeof error === 'string' ? error : expect.stringMatching(error);
  return expect.objectContaining({ status, body: expect.objectContaining({ code, error: sentence }) });
}
