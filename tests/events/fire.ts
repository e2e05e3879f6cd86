import { fork, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '@pegasus-workflows/kit';
import { expect, inject } from 'vitest';
import { freePort } from '../../packages/platform/src/process/ports.js';
import { createKey, openDatabase, schema, type DatabaseSettings } from '../../packages/server/src/index.js';
import '../support/provided.js';
import { serverSecrets } from '../support/secrets.js';
import { eventually } from '../support/wait.js';

const MAIN = createRequire(import.meta.url).resolve('@pegasus-workflows/server/main');
const START_TIMEOUT_MS = 120_000;
/** Servers may be away for long while they are killed on a busy machine; the time limit of the test ends it. */
const AWAY_MS = 3_000_000;
/** A failpoint is on the way of the very next events. */
const DEATH_TIMEOUT_MS = 600_000;

/** What stands in the database before the first server starts. */
export interface Scene {
  tenantId: string;
  key: string;
  workflowId: string;
  /** Of this scene alone. */
  workflowType: string;
  /** Wants every event, and only those with `kind: "b"`. */
  triggers: { every: string; some: string };
}

/** A tenant with an event type, a workflow that no worker works on, and two triggers. */
export async function setTheScene(settings: DatabaseSettings): Promise<Scene> {
  const db = await openDatabase(settings, createLogger('test'));
  try {
    return await db.system(async (tx) => {
      const [tenantId, workflowId, every, some] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];
      const workflowType = `fire-${tenantId.slice(0, 8)}`;
      await tx.insert(schema.tenants).values({ id: tenantId, slug: 'fire' });
      const [principal] = await tx
        .insert(schema.principals)
        .values({ tenantId, kind: 'USER', name: 'fire' })
        .returning();
      const { key } = await createKey(tx, { tenantId, principalId: principal!.id, roles: ['tenant_admin'] });
      await tx.insert(schema.eventTypes).values({ tenantId, name: 'fire' });
      await tx.insert(schema.workflows).values({
        ...{
          id: workflowId,
          tenantId,
          name: 'fire',
          version: '1.0.0',
          visibility: 'TENANT',
          executable: true,
        },
        // What a test leaves behind in Temporal ends by itself.
        manifest: { name: 'fire', version: '1.0.0', entryPoints: ['x'], diagram: 'x', timeoutSeconds: 1_800 },
        ...{ workflowType, artifactSha256: 'f'.repeat(64), artifactSizeBytes: 1 },
      });
      const trigger = { tenantId, workflowId, kind: 'EVENT' as const, eventType: 'fire' };
      await tx.insert(schema.triggers).values([
        { ...trigger, id: every },
        { ...trigger, id: some, filter: { path: 'kind', op: 'eq', value: 'b' } },
      ]);
      return { tenantId, key, workflowId, workflowType, triggers: { every, some } };
    });
  } finally {
    await db.close();
  }
}

/** One server process that is killed and started again, at the same address and on the same data. */
export class Server {
  #child: ChildProcess | undefined;

  private constructor(
    private readonly env: Record<string, string>,
    readonly url: string,
    private readonly dir: string,
  ) {}

  static async on(database: DatabaseSettings, secrets = serverSecrets()): Promise<Server> {
    const dir = await mkdtemp(join(tmpdir(), 'pegasus-fire-'));
    const temporal = inject('temporal');
    const port = await freePort('127.0.0.1');
    const env = {
      TEMPORAL_ADDRESS: temporal.address,
      TEMPORAL_NAMESPACE: temporal.namespace,
      PEGASUS_PORT: String(port),
      PEGASUS_ARTIFACTS_DIR: join(dir, 'artifacts'),
      PEGASUS_MAX_OPEN_EXECUTIONS: '1000000',
      PEGASUS_RECONCILE_INTERVAL_MS: '2000',
      LOG_LEVEL: 'fatal',
      ...secrets,
      ...(database.url ? { DATABASE_URL: database.url } : {}),
      ...(database.pgliteDir ? { PEGASUS_PGLITE_DIR: database.pgliteDir } : {}),
    };
    return new Server(env, `http://127.0.0.1:${port}`, dir);
  }

  get alive(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Starts it, again if it must be: its database may be away. Resolves when it listens. */
  async start(failpoints = ''): Promise<void> {
    await eventually(
      async () => {
        const child = fork(MAIN, [], {
          stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
          env: { PATH: process.env['PATH'], ...this.env, PEGASUS_FAILPOINTS: failpoints },
        });
        this.#child = child;
        const exited = once(child, 'exit').then(() => 'exited');
        const first = await Promise.race([once(child, 'message').then(() => 'ready'), exited]);
        if (first === 'exited') throw new Error('the server ended while it was starting');
      },
      { timeoutMs: START_TIMEOUT_MS },
    );
  }

  /** Resolves with the signal that ended it; rejects when it lives on. */
  async death(timeoutMs = DEATH_TIMEOUT_MS): Promise<NodeJS.Signals | null> {
    const child = this.#child!;
    await eventually(() => expect(this.alive, 'the server is alive').toBe(false), { timeoutMs });
    return child.signalCode;
  }

  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.death();
  }

  async remove(): Promise<void> {
    if (this.#child) await this.kill();
    await rm(this.dir, { recursive: true, force: true });
  }
}

/** Emits events by the API, as many as were allowed, each until some server has said that it has it. */
export class Emitter {
  #allowed = 0;
  #next = 0;
  emitted = 0;
  /** Requests that had no answer, or one that says to repeat. */
  repeated = 0;
  #more: (() => void)[] = [];
  readonly #lanes: Promise<void>[];

  constructor(
    private readonly scene: Scene,
    private readonly servers: readonly Server[],
    private readonly total: number,
    width = 12,
  ) {
    this.#lanes = Array.from({ length: width }, () => this.#lane());
    for (const lane of this.#lanes) lane.catch(() => undefined);
  }

  allow(n: number): void {
    this.#allowed = Math.min(this.total, this.#allowed + n);
    for (const resolve of this.#more.splice(0)) resolve();
  }

  async done(): Promise<void> {
    this.allow(this.total);
    await Promise.all(this.#lanes);
  }

  async #lane(): Promise<void> {
    while (this.#next < this.total) {
      if (this.#next >= this.#allowed) {
        await new Promise<void>((resolve) => this.#more.push(resolve));
        continue;
      }
      const n = this.#next++;
      await eventually(() => this.#emit(n), { timeoutMs: AWAY_MS, intervalMs: 100 });
      this.emitted++;
    }
  }

  async #emit(n: number): Promise<void> {
    const server = this.servers[Math.floor(Math.random() * this.servers.length)]!;
    const response = await fetch(`${server.url}/api/v1/event-types/fire/emit`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${this.scene.key}`,
        'content-type': 'application/json',
        'idempotency-key': `event-${n}`,
      },
      body: JSON.stringify({ payload: { n, kind: n % 5 === 0 ? 'b' : 'a' } }),
      signal: AbortSignal.timeout(30_000),
    }).catch((error: unknown) => {
      this.repeated++;
      throw error;
    });
    await response.text();
    if (response.status === 201) return;
    this.repeated++;
    throw new Error(`emit ${n}: ${response.status}`);
  }
}
