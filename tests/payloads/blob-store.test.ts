import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { readdir, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { artifactTaskQueue, temporalWorkflowId } from '@pegasus-workflows/contracts';
import { isBlobReference, type Payload } from '@pegasus-workflows/kit/payloads';
import { Connection, WorkflowClient } from '@temporalio/client';
import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, expect, inject, it } from 'vitest';
import { PayloadBlobStore, schema, sweepBlobs, USE_NOTED_MS } from '../../packages/server/src/index.js';
import { TemporalPayloads } from '../../packages/server/src/infra/temporal-payloads.js';
import { sweep } from '../../packages/server/src/workflows/sweeper.js';
import { failure, forEachDialect, testServer, type TestServer } from '../server/support.js';
import { eventually } from '../support/wait.js';
import { workflowRow } from '../support/workflow-row.js';

/** Where large payloads are kept: who may have them, what is refused, and when they go. */
const MIB = 1024 * 1024;
const DAY_MS = 86_400_000;
const sha256Of = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

forEachDialect('payload blobs', (open) => {
  let server: TestServer;
  let a: string;
  let b: string;
  let files: string;
  beforeAll(async () => {
    server = await testServer(await open(), undefined, {
      PEGASUS_PAYLOAD_ENCRYPTION: 'on',
      PEGASUS_PAYLOAD_MAX_MB: '2',
    });
    a = server.tenants.a.id;
    b = server.tenants.b.id;
    files = join(server.settings.artifactsDir, 'payloads');
  });
  afterAll(() => server?.close());
  beforeEach(() => server.services.db.system((tx) => tx.delete(schema.payloadBlobs)));

  const path = (tenantId: string, sha256: string) => `/internal/v1/tenants/${tenantId}/blobs/${sha256}`;
  const put = (tenantId: string, bytes: Uint8Array, sha256 = sha256Of(bytes)) =>
    server.call('PUT', path(tenantId, sha256), { key: server.settings.runnerToken, body: bytes });
  const get = async (tenantId: string, sha256: string) => {
    const headers = { authorization: `Bearer ${server.settings.runnerToken}` };
    const response = await server.app.request(path(tenantId, sha256), { headers });
    return response.ok ? new Uint8Array(await response.arrayBuffer()) : response.status;
  };
  const rows = async () =>
    (await server.services.db.system((tx) => tx.select().from(schema.payloadBlobs))).map(
      ({ sha256 }) => sha256,
    );
  const onDisk = async () =>
    (await readdir(files, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map(({ name }) => name);
  const fileOf = (tenantId: string, sha256: string) =>
    join(files, 'kept', tenantId, sha256.slice(0, 2), sha256);
  /** As runs of the tenant have it. */
  const converter = (tenantId: string, how: 'exact' | 'shown') =>
    new TemporalPayloads({
      keys: (id) => server.services.payloadKeys.of(id),
      blobs: (id) => server.services.payloadBlobs.of(id),
    })[how](temporalWorkflowId(tenantId, 'demo', randomUUID())).payloadCodecs[0]!;
  const value = (bytes: number): Payload => ({
    metadata: { encoding: Buffer.from('binary/plain') },
    data: randomBytes(bytes),
  });
  async function referenceOf(
    tenantId: string,
  ): Promise<{ reference: Payload; sha256: string; plain: Payload }> {
    const plain = value(MIB);
    const [reference] = await converter(tenantId, 'exact').encode([plain]);
    expect(isBlobReference(reference!)).toBe(true);
    const sha256 = Buffer.from(reference!.metadata!['blob-sha256']!).toString();
    return { reference: reference!, sha256, plain };
  }

  it('are given to their tenant alone, by their SHA-256 (invariant 2)', async () => {
    const bytes = randomBytes(3_000);
    expect((await put(a, bytes)).status).toBe(204);
    expect((await put(a, bytes)).status, 'repeated').toBe(204);
    expect(await get(a, sha256Of(bytes))).toEqual(new Uint8Array(bytes));
    expect(await get(b, sha256Of(bytes))).toBe(404);
    const { reference, plain } = await referenceOf(a);
    const [read] = await converter(a, 'exact').decode([reference]);
    expect(Buffer.from(read!.data!).equals(plain.data!)).toBe(true);
    const [stolen] = await converter(b, 'exact').decode([reference]);
    expect(String(Buffer.from(stolen!.data!))).toMatch(/unreadablePayload/);
  });

  it('are refused with other bytes than the path says, beyond the maximum, and of no tenant; nothing is kept', async () => {
    const before = await onDisk();
    const bytes = randomBytes(100);
    expect(await put(a, bytes, sha256Of(randomBytes(9)))).toEqual(
      failure(400, 'VALIDATION_ERROR', /SHA-256/),
    );
    expect(await put(a, randomBytes(2 * MIB + 1))).toEqual(
      failure(413, 'PAYLOAD_TOO_LARGE', /at most 2097152 are allowed/),
    );
    expect(await put(randomUUID(), bytes)).toEqual(failure(404, 'NOT_FOUND', /no tenant/));
    expect(await rows()).toEqual([]);
    expect(await onDisk()).toEqual(before);
    await expect(converter(a, 'exact').encode([value(3 * MIB)])).rejects.toThrow(/at most 2097152/);
  });

  it('count towards the tenant’s storage, and are refused beyond it, without their file (invariant 3)', async () => {
    const setQuota = (maxStorageBytes: number | null) =>
      server.services.db.system((tx) =>
        tx.update(schema.tenants).set({ maxStorageBytes }).where(eq(schema.tenants.id, a)),
      );
    await setQuota(1_000_000);
    try {
      const fits = randomBytes(600_000);
      expect((await put(a, fits)).status).toBe(204);
      const quotas = await server.call('GET', '/api/v1/quotas', { key: server.tenants.a.key });
      expect(quotas.body.data.storageBytes).toMatchObject({ payloads: 600_000, limit: 1_000_000 });
      const over = randomBytes(600_000);
      expect(await put(a, over)).toEqual(failure(429, 'STORAGE_QUOTA_EXCEEDED', /may store 1000000/));
      expect(await onDisk()).not.toContain(sha256Of(over));
      // Twice the same bytes are one blob.
      expect((await put(a, fits)).status).toBe(204);
      expect((await put(b, over)).status, 'another tenant').toBe(204);
      await expect(converter(a, 'exact').encode([value(MIB)])).rejects.toMatchObject({
        certainty: 'refused',
        cause: { code: 'STORAGE_QUOTA_EXCEEDED' },
      });
    } finally {
      await setQuota(null);
    }
  });

  it('that are damaged or gone are a marker that says so, where they are looked at and where they are kept', async () => {
    const { reference, sha256, plain } = await referenceOf(a);
    const read = async (how: 'exact' | 'shown') =>
      Buffer.from((await converter(a, how).decode([reference]))[0]!.data!).toString('latin1');
    expect((await read('shown')) === Buffer.from(plain.data!).toString('latin1')).toBe(true);
    await truncate(fileOf(a, sha256), 1_000);
    for (const how of ['exact', 'shown'] as const) expect(await read(how)).toMatch(/another SHA-256/);
    await rm(fileOf(a, sha256));
    for (const how of ['exact', 'shown'] as const)
      expect(await read(how)).toMatch(/not stored, or no longer/);
  });

  it('are left alone by the sweeper of artifacts', async () => {
    const { sha256 } = await referenceOf(a);
    await sweep({ ...server.services, clock: () => new Date(Date.now() + 10 * DAY_MS) });
    expect(await get(a, sha256)).toBeInstanceOf(Uint8Array);
  });

  const at = (ms: number) => sweepBlobs({ ...server.services, clock: () => new Date(Date.now() + ms) });

  it('stay for the days of the settings after their last use, and then go (Sweeper invariant 1)', async () => {
    const [used, unused] = [randomBytes(100), randomBytes(100)];
    await put(a, used);
    await put(a, unused);
    expect(await at(29 * DAY_MS)).toMatchObject({ expired: 0 });
    // A read counts as a use.
    const later = { ...server.services, clock: () => new Date(Date.now() + 2 * USE_NOTED_MS) };
    expect(await readAt(later, sha256Of(used))).toBe(true);
    expect(await at(30 * DAY_MS + USE_NOTED_MS)).toMatchObject({ expired: 1 });
    expect(await get(a, sha256Of(unused))).toBe(404);
    expect(await onDisk()).not.toContain(sha256Of(unused));
    expect(await get(a, sha256Of(used))).toBeInstanceOf(Uint8Array);
  });
  async function readAt({ clock }: { clock: () => Date }, sha256: string): Promise<boolean> {
    const { db, blobFiles, logger, settings } = server.services;
    const store = new PayloadBlobStore({
      db,
      files: blobFiles,
      limits: settings.payloadBlobs,
      clock,
      logger,
    });
    const found = await store.open({ tenantId: a, sha256 });
    await found?.stream.cancel();
    return found !== undefined;
  }

  it('stay as long as an execution is open that is older than their last use (Sweeper invariant 2)', async () => {
    const bytes = randomBytes(100);
    await put(a, bytes);
    await put(b, bytes);
    const workflow = workflowRow({ tenantId: a, name: `w${randomUUID().slice(0, 8)}`, version: '1.0.0' });
    const id = randomUUID();
    await server.services.db.system(async (tx) => {
      await tx.insert(schema.workflows).values(workflow);
      await tx.insert(schema.executions).values({
        id,
        tenantId: a,
        workflowId: workflow.id,
        status: 'RUNNING',
        temporalWorkflowId: temporalWorkflowId(a, workflow.name, id),
        triggerSource: 'USER',
      });
    });
    expect(await at(300 * DAY_MS)).toMatchObject({ expired: 1 });
    expect(await get(a, sha256Of(bytes))).toBeInstanceOf(Uint8Array);
    expect(await get(b, sha256Of(bytes))).toBe(404);
    await server.services.db.system((tx) =>
      tx.update(schema.executions).set({ status: 'COMPLETED' }).where(eq(schema.executions.id, id)),
    );
    expect(await at(300 * DAY_MS)).toMatchObject({ expired: 1 });
    expect(await get(a, sha256Of(bytes))).toBe(404);
  });

  it('stay as long as a child run is open whose execution is not known (Sweeper invariant 2)', async () => {
    const bytes = randomBytes(100);
    await put(a, bytes);
    const { address, namespace } = inject('temporal');
    const connection = await Connection.connect({ address });
    try {
      const run = await new WorkflowClient({ connection, namespace }).start('orphan', {
        workflowId: `ch/${a}/${randomUUID()}`,
        taskQueue: artifactTaskQueue(a, 'ab'.repeat(32)),
      });
      // Temporal lists a run a moment after its start, and until a moment after its end.
      const listed = async () => {
        for await (const { workflowId } of server.services.temporal.listOpen())
          if (workflowId === run.workflowId) return true;
        return false;
      };
      await eventually(async () => expect(await listed()).toBe(true));
      expect(await at(300 * DAY_MS)).toMatchObject({ expired: 0 });
      await run.terminate();
      await eventually(async () => expect(await listed()).toBe(false));
      expect(await at(300 * DAY_MS)).toMatchObject({ expired: 1 });
    } finally {
      await connection.close();
    }
  });

  it('without a row lose their file, and so do unfinished ones, but not while they may still come in (Sweeper invariant 3)', async () => {
    const { sha256 } = await referenceOf(a);
    const part = join(files, 'incoming', `${randomUUID()}.part`);
    await writeFile(part, 'half');
    await server.services.db.system((tx) => tx.delete(schema.payloadBlobs));
    expect(await at(0)).toMatchObject({ orphans: 0, parts: 0 });
    const old = new Date(Date.now() - 2 * 3_600_000);
    for (const file of [part, fileOf(a, sha256)]) await utimes(file, old, old);
    const swept = await at(0);
    expect(swept.parts).toBe(1);
    expect(swept.orphans).toBe(1);
    expect(await onDisk()).not.toContain(sha256);
  });
});
