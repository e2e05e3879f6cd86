import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { createLogger } from '@pegasus-workflows/kit';
import pg from 'pg';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { runIdOf } from '../../packages/server/src/events/run-id.js';
import { openDatabase, schema, type DatabaseSettings } from '../../packages/server/src/index.js';
import { freshPglite } from '../support/pglite-template.js';
import { startTestPostgres } from '../support/postgres-server.js';
import '../support/provided.js';
import { serverSecrets } from '../support/secrets.js';
import { eventually } from '../support/wait.js';
import { Emitter, Server, setTheScene, type Scene } from './fire.js';

/**
 * Thousands of events while servers are killed at every failpoint on the way from the emit to the started run and at
 * random, and on PostgreSQL two servers at once and the database itself. Afterwards each (event, matching trigger) has
 * exactly one execution, and Temporal has exactly one run of each. `npm run test:fire` does it with 5 000 events;
 * `PEGASUS_FIRE_EVENTS` says how many. Among all other tests there are fewer, and every failpoint all the same.
 */
const EVENTS = Number(process.env['PEGASUS_FIRE_EVENTS'] ?? 300);
const FAILPOINTS = [
  'outbox.claimed=kill@2',
  // The kill before this one may have left no more than one item.
  'outbox.claimed-alone=kill@1',
  'events.before-finish=kill@2',
  'events.before-commit=kill@2',
  'events.after-commit=kill@2',
  'outbox.finished=kill@2',
  'queued.before-start=kill@20',
  'queued.after-start=kill@20',
];
const RANDOM_KILLS = EVENTS < 2_000 ? 2 : 6;
const HOUR = 3_600_000;
const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** A moment that differs from run to run: where a kill hits is left to chance. */
const aMoment = (mostMs: number): Promise<void> => delay(randomInt(mostMs));

async function withEveryFailpoint(servers: readonly Server[], emitter: Emitter): Promise<void> {
  const [first, ...others] = servers as [Server, ...Server[]];
  const chunk = Math.ceil(EVENTS / 2 / FAILPOINTS.length);
  for (const failpoint of FAILPOINTS) {
    // What was left behind is the armed one's to find, and nobody else's.
    const company = failpoint.startsWith('outbox.claimed-alone') ? [] : others;
    await Promise.all([first.start(failpoint), ...company.map((other) => other.start())]);
    emitter.allow(chunk);
    await aMoment(1_000);
    // So that the armed one has something to do.
    await Promise.all(others.map((other) => other.kill()));
    // Those may have left it fewer starts than its point counts: events go on coming until it has got there.
    const feeding = setInterval(() => emitter.allow(5), 2_000);
    try {
      expect(await first.death(), failpoint).toBe('SIGKILL');
    } finally {
      clearInterval(feeding);
    }
  }
}

async function atRandom(
  servers: readonly Server[],
  emitter: Emitter,
  also: () => Promise<void>,
): Promise<void> {
  await Promise.all(servers.map((server) => server.start()));
  const chunk = Math.ceil(EVENTS / 2 / RANDOM_KILLS);
  for (let n = 0; n < RANDOM_KILLS; n++) {
    emitter.allow(chunk);
    await aMoment(2_500);
    const victim = servers[n % servers.length]!;
    await victim.kill();
    await also();
    await victim.start();
    for (const server of servers) if (!server.alive) await server.start();
  }
}

/** Until nothing waits any more, by what the servers themselves say. */
async function calm(servers: readonly Server[], scene: Scene): Promise<void> {
  for (const server of servers) if (!server.alive) await server.start();
  const headers = { authorization: `Bearer ${scene.key}` };
  const [{ url }] = servers as [Server];
  await eventually(
    async () => {
      const metrics = await (await fetch(`${url}/metrics`)).text();
      expect(metrics).not.toMatch(/pegasus_outbox_items\{topic="EVENT",state="waiting"\} [1-9]/);
      const path = `/api/v1/workflows/${scene.workflowId}/executions?status=QUEUED&limit=1`;
      const queued = (await (await fetch(`${url}${path}`, { headers })).json()) as { data: unknown[] };
      expect(queued.data).toEqual([]);
    },
    { timeoutMs: HOUR / 6, intervalMs: 500 },
  );
}

interface Count {
  events: number;
  pairs: number;
  executions: number;
  runs: number;
  deadLetters: number;
}

/** Every event, delivery and execution that the database has, and every run that Temporal has, each looked at. */
async function count(settings: DatabaseSettings, { triggers, workflowType }: Scene): Promise<Count> {
  const db = await openDatabase(settings, createLogger('test'));
  const { events, deliveries, executions, left } = await db.system(async (tx) => ({
    events: await tx.select().from(schema.domainEvents),
    deliveries: await tx.select().from(schema.eventDeliveries),
    executions: await tx.select().from(schema.executions),
    left: await tx.select().from(schema.outbox),
  }));
  await db.close();
  const wanted = new Map<string, string>();
  for (const { id, payload } of events) {
    wanted.set(runIdOf(id, triggers.every), id);
    if (payload['kind'] === 'b') wanted.set(runIdOf(id, triggers.some), id);
  }
  expect(new Set(events.map(({ payload }) => payload['n'])).size).toBe(EVENTS);
  expect(new Set(executions.map(({ id }) => id))).toEqual(new Set(wanted.keys()));
  for (const row of executions) expect(row.input?.['domainEventId']).toBe(wanted.get(row.id));
  expect(new Set(deliveries.map(({ executionId }) => executionId))).toEqual(new Set(wanted.keys()));
  expect(new Set(executions.map(({ status }) => status))).toEqual(new Set(['RUNNING']));
  const { address, namespace } = inject('temporal');
  const connection = await Connection.connect({ address });
  closing.push(() => connection.close());
  const client = new Client({ connection, namespace });
  // Visibility follows the starts.
  const runs = await eventually(async () => {
    const seen: { workflowId: string; runId: string }[] = [];
    for await (const run of client.workflow.list({
      query: `WorkflowType = '${workflowType}'`,
      pageSize: 1_000,
    }))
      seen.push(run);
    expect(seen.length).toBeGreaterThanOrEqual(executions.length);
    return seen;
  });
  const runOf = new Map(runs.map((run) => [run.workflowId, run.runId]));
  expect(runOf.size).toBe(runs.length);
  for (const row of executions) expect(runOf.get(row.temporalWorkflowId)).toBe(row.temporalRunId);
  await connection.workflowService.startBatchOperation({
    ...{
      namespace,
      jobId: workflowType,
      reason: 'the test is over',
      visibilityQuery: `WorkflowType = '${workflowType}'`,
    },
    terminationOperation: {},
  });
  return {
    events: events.length,
    pairs: wanted.size,
    executions: executions.length,
    runs: runs.length,
    deadLetters: left.length,
  };
}

function report(where: string, emitter: Emitter, counted: Count, since: number): void {
  const seconds = Math.round((performance.now() - since) / 1_000);
  process.stdout.write(
    `under fire on ${where}: ${JSON.stringify({ ...counted, requestsRepeated: emitter.repeated, seconds })}\n`,
  );
}

describe('outbox under fire', () => {
  it('PGlite: one server, killed at every failpoint and at random', { timeout: HOUR }, async () => {
    const since = performance.now();
    const { pgliteDir, drop } = await freshPglite();
    closing.push(drop);
    const scene = await setTheScene({ pgliteDir });
    const server = await Server.on({ pgliteDir });
    closing.push(() => server.remove());
    const emitter = new Emitter(scene, [server], EVENTS);
    await withEveryFailpoint([server], emitter);
    await atRandom([server], emitter, async () => {});
    await emitter.done();
    await calm([server], scene);
    await server.kill();
    const counted = await count({ pgliteDir }, scene);
    report('PGlite', emitter, counted, since);
    expect(counted).toEqual(expectedCount());
  });

  it('PostgreSQL: two servers and the database itself, killed in turns', { timeout: HOUR }, async () => {
    const since = performance.now();
    // A cluster of its own: what is done to it must be done to nobody else.
    const cluster = await startTestPostgres();
    closing.push(() => cluster.stop());
    if ('unavailable' in cluster.provided) throw new Error(cluster.provided.unavailable);
    const url = await createDurableDatabase(cluster.provided.adminUrl);
    const scene = await setTheScene({ url });
    const secrets = serverSecrets();
    const servers = [await Server.on({ url }, secrets), await Server.on({ url }, secrets)];
    for (const server of servers) closing.push(() => server.remove());
    const emitter = new Emitter(scene, servers, EVENTS);
    await withEveryFailpoint(servers, emitter);
    let turn = 0;
    await atRandom(servers, emitter, () => (turn++ % 2 === 0 ? cutConnections(url) : crash(url)));
    await emitter.done();
    await calm(servers, scene);
    await Promise.all(servers.map((server) => server.kill()));
    const counted = await count({ url }, scene);
    report('PostgreSQL', emitter, counted, since);
    expect(counted).toEqual(expectedCount());
  });
});

function expectedCount(): Count {
  const pairs = EVENTS + Math.ceil(EVENTS / 5);
  return { events: EVENTS, pairs, executions: pairs, runs: pairs, deadLetters: 0 };
}

async function query(url: string, text: string, values: unknown[] = []): Promise<any[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query(text, values)).rows;
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** The test's cluster answers before it has written; here a commit that was answered must survive a crash. */
async function createDurableDatabase(adminUrl: string): Promise<string> {
  await query(adminUrl, 'create database fire');
  await query(adminUrl, 'alter database fire set synchronous_commit = on');
  const url = new URL(adminUrl);
  url.pathname = '/fire';
  return url.href;
}

/** Every connection is cut, in whatever statement it is. */
async function cutConnections(url: string): Promise<void> {
  const others = 'datname = current_database() and pid <> pg_backend_pid()';
  await query(url, `select pg_terminate_backend(pid) from pg_stat_activity where ${others}`);
}

/** One of its processes is killed; PostgreSQL then ends all of them and recovers from its log. */
async function crash(url: string): Promise<void> {
  const [{ pid }] = await query(
    url,
    `select pid from pg_stat_activity where application_name = 'pegasus-server' limit 1`,
  ).then((rows) => (rows.length > 0 ? rows : query(url, 'select pg_backend_pid() as pid')));
  process.kill(pid, 'SIGKILL');
  await eventually(() => query(url, 'select 1'));
}
