import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createLogger } from '@pegasus-workflows/kit';
import { openDatabase, type BootstrapFile, type Tx } from '@pegasus-workflows/server';
import { inject } from 'vitest';
import { type TestDialect } from '../server/support.js';
import { serverSecrets } from '../support/secrets.js';
import '../support/provided.js';

const MAIN = fileURLToPath(new URL('../../packages/server/dist/main.js', import.meta.url));

/** The server's own process on a database that stays, started and killed as often as a test likes. */
export class KilledServer implements AsyncDisposable {
  readonly #secrets = serverSecrets();
  #child: ChildProcess | undefined;
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
    return new KilledServer(dialect, folder, await freePort(), more);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Resolves once it is ready, or has ended on the way. */
  async start(failpoints = ''): Promise<void> {
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
        PEGASUS_FAILPOINTS: failpoints,
        ...this.#secrets,
        ...this.more,
      },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#child = child;
    this.#ended = once(child, 'exit').then(([code, signal]) => (signal ?? code) as string | number);
    await Promise.race([once(child, 'message'), this.#ended]);
  }

  /** How it ended: the signal, or the exit code. */
  get ended(): Promise<string | number> {
    return this.#ended;
  }

  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.#ended;
  }

  async stop(): Promise<string | number> {
    this.#child?.kill('SIGTERM');
    return this.#ended;
  }

  async keys(): Promise<BootstrapFile> {
    return JSON.parse(await readFile(join(this.folder, 'bootstrap.json'), 'utf8')) as BootstrapFile;
  }

  /** Something in the database, while no server has it open. */
  async inDatabase<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    const db = await openDatabase(this.dialect.settings, createLogger('test'));
    try {
      return await db.system(work);
    } finally {
      await db.close();
    }
  }

  /** A call of the API, by the first tenant's key unless another is given. */
  async call(
    method: string,
    path: string,
    body?: unknown,
    key?: string,
  ): Promise<{ status: number; data: any }> {
    const token = key ?? (await this.keys()).apiKey;
    const response = await fetch(`${this.url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const json = (await response.json()) as { data: unknown };
    return { status: response.status, data: json.data };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.#ended;
    await this.dialect.drop();
    await rm(this.folder, { recursive: true, force: true });
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
