/** What the server makes of a crash loop: stored, refused, told, released; also when it is killed in between. */
import { randomUUID } from 'node:crypto';
import {
  demandSchema,
  type Log,
  type QuarantineReport,
  type QuotaUse,
  type Workflow,
} from '@pegasus-workflows/contracts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { KilledServer } from '../support/killed-server.js';
import { quarantineReportOf } from '../support/quarantine-report.js';
import { artifact } from '../server/artifacts.js';
import { failure, forEachDialect, testServer, type TestServer } from '../server/support.js';

const REPORTS = '/internal/v1/quarantines';

forEachDialect('a version that crashes again and again', (open) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await testServer(await open());
  });
  afterAll(() => server?.close());

  const key = () => server.tenants.a.key;
  let versions = 0;
  async function publish(): Promise<Workflow> {
    const { status, body } = await server.publish(key(), artifact('crashing', `1.${++versions}.0`));
    expect({ status, body }).toMatchObject({ status: 201 });
    return body.data;
  }
  const report = async (body: QuarantineReport) =>
    expect(await server.call('POST', REPORTS, { key: server.settings.runnerToken, body })).toMatchObject({
      status: 204,
    });
  const run = (id: string) => server.call('POST', `/api/v1/workflows/${id}/run`, { key: key() });
  const read = async (id: string) =>
    (await server.call<Workflow>('GET', `/api/v1/workflows/${id}`, { key: key() })).body.data;
  const release = (id: string, by = key()) =>
    server.call<Workflow>('POST', `/api/v1/workflows/${id}/release`, { key: by });
  const inDemand = async (sha256: string): Promise<boolean> => {
    const { body } = await server.call('GET', '/internal/v1/demand', { key: server.settings.runnerToken });
    return demandSchema.parse(body).artifacts.some(({ artifactSha256 }) => artifactSha256 === sha256);
  };
  const logOf = async (id: string) =>
    (await server.call<Log[]>('GET', `/api/v1/workflows/${id}/logs`, { key: key() })).body.data.map(
      ({ level, source, message }) => ({ level, source, message }),
    );

  it('starts nothing, says why wherever its author looks, and is in demand no more', async () => {
    const workflow = await publish();
    expect(await run(workflow.id)).toMatchObject({ status: 201 });
    expect(await inDemand(workflow.artifactSha256)).toBe(true);
    await report(quarantineReportOf(workflow));
    const reason = 'Its worker crashed (SIGSEGV), the last of 5 failures within 10 minutes.';
    const { quarantine } = await read(workflow.id);
    expect(quarantine).toEqual({
      code: 'CRASHED',
      reason,
      crashes: 5,
      windowSeconds: 600,
      exitCode: null,
      signal: 'SIGSEGV',
      at: expect.any(String) as string,
    });
    const { body } = await server.call<Workflow[]>('GET', '/api/v1/workflows', { key: key() });
    expect(body.data.find(({ id }) => id === workflow.id)!.quarantine).toEqual(quarantine);
    expect(await run(workflow.id)).toEqual(
      failure(
        423,
        'WORKFLOW_QUARANTINED',
        `crashing@${workflow.version} is quarantined since ${quarantine!.at}: ${reason} Publish a version that is mended, or release this one.`,
      ),
    );
    expect(await logOf(workflow.id)).toEqual([
      {
        level: 'error',
        source: 'platform',
        message: `Quarantined: ${reason} It starts nothing until it is released.`,
      },
    ]);
    expect(await inDemand(workflow.artifactSha256)).toBe(false);
    // A run that is open stays open, and no pass brings its artifact back.
    await server.engine.reconcile();
    expect(await inDemand(workflow.artifactSha256)).toBe(false);
    expect(await run((await publish()).id)).toMatchObject({ status: 201 });
  });

  it('is released by its author: it starts, and its open runs have a worker again', async () => {
    const workflow = await publish();
    await run(workflow.id);
    const sent = quarantineReportOf(workflow);
    await report(sent);
    const foreign = await release(workflow.id, server.tenants.b.key);
    expect(foreign).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
    expect(await release(workflow.id)).toMatchObject({ status: 200, body: { data: { quarantine: null } } });
    expect(await inDemand(workflow.artifactSha256)).toBe(true);
    expect(await run(workflow.id)).toMatchObject({ status: 201 });
    expect((await logOf(workflow.id)).at(-1)).toEqual({
      level: 'info',
      source: 'platform',
      message: 'Released from quarantine.',
    });
    // 1: the report was answered, the answer lost, and it is sent again.
    await report(sent);
    expect((await read(workflow.id)).quarantine).toBe(null);
    expect(await inDemand(workflow.artifactSha256)).toBe(true);
    // Released again, or while nothing is the matter: nothing changes.
    expect(await release(workflow.id)).toMatchObject({ status: 200, body: { data: { quarantine: null } } });
    expect(await logOf(workflow.id)).toHaveLength(2);
    // It crashes anew.
    await report(quarantineReportOf(workflow, { cause: 'OUT_OF_MEMORY', signal: 'SIGKILL' }));
    expect((await read(workflow.id)).quarantine).toMatchObject({ code: 'OUT_OF_MEMORY' });
  });

  it('keeps the first reason while it is quarantined', async () => {
    const workflow = await publish();
    await report(quarantineReportOf(workflow, { cause: 'NOT_LOADABLE', signal: null }));
    await report(quarantineReportOf(workflow));
    expect((await read(workflow.id)).quarantine).toMatchObject({
      code: 'NOT_LOADABLE',
      reason:
        'It could not be loaded; the log of the workflow says why, the last of 5 failures within 10 minutes.',
    });
    expect(await logOf(workflow.id)).toHaveLength(1);
  });

  it('is no other tenant’s, whose artifact has the same bytes', async () => {
    const same = artifact('shared-bytes', '1.0.0');
    const [mine, theirs] = [
      (await server.publish(key(), same)).body.data,
      (await server.publish(server.tenants.b.key, same)).body.data,
    ];
    expect(theirs.artifactSha256).toBe(mine.artifactSha256);
    await report(quarantineReportOf(mine));
    const started = await server.call('POST', `/api/v1/workflows/${theirs.id}/run`, {
      key: server.tenants.b.key,
    });
    expect(started).toMatchObject({ status: 201 });
  });
});

forEachDialect('a tenant that starts too much at once', (open) => {
  it('is refused with the time to wait, and only for as long', async () => {
    await using server = await disposable(await testServer(await open()));
    const { a, b, platform } = server.tenants;
    const change = await server.call('PATCH', `/api/v1/tenants/${a.id}`, {
      key: platform.key,
      body: { quotas: { maxStartsPerSecond: 1 } },
    });
    expect(change).toMatchObject({ status: 200, body: { data: { quotas: { maxStartsPerSecond: 1 } } } });
    const use = await server.call<QuotaUse>('GET', '/api/v1/quotas', { key: a.key });
    expect(use.body.data.startsPerSecond).toEqual({ limit: 1, burst: 10 });
    const ids = await Promise.all(
      [a, b].map(async ({ key }) => (await server.publish(key, artifact('flood', '1.0.0'))).body.data.id),
    );
    const start = (id: string, key: string, headers: Record<string, string> = {}) =>
      server.call('POST', `/api/v1/workflows/${id}/run`, { key, headers });
    const repeated = { 'idempotency-key': randomUUID() };
    const first = await start(ids[0]!, a.key, repeated);
    expect(first).toMatchObject({ status: 201 });
    const replies = await Promise.all(Array.from({ length: 30 }, () => start(ids[0]!, a.key)));
    const refused = replies.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThanOrEqual(15);
    expect(refused[0]).toEqual(
      failure(
        429,
        'RATE_LIMITED',
        /^This tenant may start 1 runs a second in the long run; try again in 1 s\.$/,
      ),
    );
    const again = await start(ids[0]!, a.key, repeated);
    expect(again.body).toMatchObject({ data: { id: (first.body.data as { id: string }).id } });
    expect(await start(ids[1]!, b.key)).toMatchObject({ status: 201 });
  });
});

forEachDialect('a server that is killed', (open) => {
  it('after it has stored a quarantine: the next one keeps it, and the report sent again changes nothing', async () => {
    await using server = await KilledServer.open(await open());
    await server.start();
    const { id } = await server.seedWorkflow();
    await server.start('quarantine.after-commit=kill');
    const workflow = () => server.call('GET', `/workflows/${id}`);
    const body = quarantineReportOf((await workflow()).data as Workflow, { exitCode: 1, signal: null });
    const report = () =>
      fetch(`${server.url}${REPORTS}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${server.runnerToken}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    await expect(report()).rejects.toThrow();
    expect(await server.ended).toBe('SIGKILL');
    await server.start('quarantine.released=kill');
    const { quarantine } = (await workflow()).data as Workflow;
    expect(quarantine).toMatchObject({ code: 'CRASHED', crashes: 5, exitCode: 1 });
    expect(await server.call('POST', `/workflows/${id}/run`)).toMatchObject({
      status: 423,
      body: { code: 'WORKFLOW_QUARANTINED' },
    });
    expect((await report()).status).toBe(204);
    expect(((await workflow()).data as Workflow).quarantine).toEqual(quarantine);
    expect((await server.call('GET', `/workflows/${id}/logs`)).data).toHaveLength(1);
    // Killed in the middle of the release: it is released, or it is not; the next call makes it so.
    await expect(server.call('POST', `/workflows/${id}/release`)).rejects.toThrow();
    expect(await server.ended).toBe('SIGKILL');
    await server.start();
    expect(await server.call('POST', `/workflows/${id}/release`)).toMatchObject({ status: 200 });
    expect(await server.call('POST', `/workflows/${id}/run`)).toMatchObject({ status: 201 });
  }, 180_000);
});

async function disposable<T extends { close(): Promise<void> }>(server: T): Promise<T & AsyncDisposable> {
  return Object.assign(server, { [Symbol.asyncDispose]: () => server.close() });
}
