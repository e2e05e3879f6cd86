import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { artifactTaskQueue } from '@pegasus-workflows/contracts';
import { createLogger } from '@pegasus-workflows/kit';
import { openDatabase, schema, type BootstrapFile, type Tx } from '@pegasus-workflows/server';
import { inject } from 'vitest';
import { freePort } from '../../packages/platform/src/process/ports.js';
import { type TestDialect } from '../server/support.js';
import './provided.js';
import { serverSecrets } from './secrets.js';
import { workflowRow } from './workflow-row.js';

const MAIN = createRequire(import.meta.url).resolve('@pegasus-workflows/server/main');

/** The server's own process on a database that stays, started and killed as often as a test likes. */
export class KilledServer implements AsyncDisposable {
  readonly #secrets = serverSecrets();
  #child: ChildProcess | undefined;
  /** The failpoints of the one that runs. */
  #running: string | undefined;
  #ended: Promise<string | number> = Promise.resolve(0);

  private constructor(
    private readonly dialect: TestDialect,
    readonly folder: string,
    readonly port: number,
    private readonly more: NodeJS.ProcessEnv,
  ) {}

  /** @param more settings that win over those of every other test; undefined takes one away */
  static async open(dialect: TestDialect, more: NodeJS.ProcessEnv = {}): Promise<KilledServer> {
    const folder = await mkdtemp(join(tmpdir(), 'pegasus-killed-'));
    return new KilledServer(dialect, folder, await freePort('127.0.0.1'), more);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Bearer of its internal API. */
  get runnerToken(): string {
    return this.#secrets.PEGASUS_RUNNER_TOKEN;
  }

  /** Ends the one that runs, if any, in order, and starts another. Resolves once it is ready, or has ended on the way. */
  async start(failpoints = ''): Promise<void> {
    if (this.#running !== undefined) await this.stop();
    const temporal = inject('temporal');
    const { url, pgliteDir } = this.dialect.settings;
    const child = spawn(process.execPath, [MAIN], {
      env: {
        PATH: process.env['PATH'],
        LOG_LEVEL: 'fatal',
        TEMPORAL_ADDRESS: temporal.address,
        TEMPORAL_NAMESPACE: temporal.namespace,
        PEGASUS_PORT: String(this.port),
        ...(url === undefined ? { PEGASUS_PGLITE_DIR: pgliteDir } : { DATABASE_URL: url }),
        PEGASUS_ARTIFACTS_DIR: join(this.folder, 'artifacts'),
        PEGASUS_BOOTSTRAP_FILE: join(this.folder, 'bootstrap.json'),
        PEGASUS_EGRESS_ALLOW: '127.0.0.1',
        // Its worker, if any, is the test's own and has no keys.
        PEGASUS_PAYLOAD_ENCRYPTION: 'off',
        PEGASUS_STARTS_AT_ONCE: '64',
        PEGASUS_FAILPOINTS: failpoints,
        ...this.#secrets,
        ...this.more,
      },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#child = child;
    this.#running = failpoints;
    this.#ended = once(child, 'exit').then(([code, signal]) => {
      this.#running = undefined;
      return (signal ?? code) as string | number;
    });
    await Promise.race([once(child, 'message'), this.#ended]);
  }

  /** One with no failpoint: that which runs, or a new one. A start costs seconds, so that tests pass it on. */
  async startUnlessRunning(): Promise<void> {
    if (this.#running !== '') await this.start();
  }

  /** How it ended: the signal, or the exit code. */
  get ended(): Promise<string | number> {
    return this.#ended;
  }

  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.#ended;
  }

  /** Lets go of it, as its parent does when it is killed. */
  orphan(): void {
    this.#child?.disconnect();
  }

  /** Throws when it does not end in order. */
  async stop(): Promise<void> {
    this.#child?.kill('SIGTERM');
    const end = await this.#ended;
    if (end !== 0) throw new Error(`the server ended with ${end} after SIGTERM`);
  }

  async keys(): Promise<BootstrapFile> {
    return JSON.parse(await readFile(join(this.folder, 'bootstrap.json'), 'utf8')) as BootstrapFile;
  }

  /** Something in the database, which only one process has open: ends the server that runs, if any. */
  async inDatabase<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    if (this.#running !== undefined) await this.stop();
    const db = await openDatabase(this.dialect.settings, createLogger('test'));
    try {
      return await db.system(work);
    } finally {
      await db.close();
    }
  }

  /** A version of the first tenant, see {@link workflowRow}. */
  async seedWorkflow(name = 'demo', version = '1.0.0'): Promise<{ id: string; taskQueue: string }> {
    const { tenantId } = await this.keys();
    const row = workflowRow({ tenantId, name, version });
    await this.inDatabase((tx) => tx.insert(schema.workflows).values(row));
    return { id: row.id, taskQueue: artifactTaskQueue(tenantId, row.artifactSha256) };
  }

  /** A call of the API, by the first tenant's key unless another is given. */
  async call(
    method: string,
    path: string,
    body?: unknown,
    key?: string,
  ): Promise<{ status: number; data: any; body: unknown }> {
    const token = key ?? (await this.keys()).apiKey;
    const response = await fetch(`${this.url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const answer = (text ? JSON.parse(text) : {}) as { data?: unknown };
    return { status: response.status, data: answer.data, body: answer };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.#ended;
    await this.dialect.drop();
    await rm(this.folder, { recursive: true, force: true });
  }
}
