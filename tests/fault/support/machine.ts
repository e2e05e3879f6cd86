/**
 * Job: one Pegasus machine on one data directory, whose every process a test can kill and which is started again.
 *
 * Boundary: real processes only. It owns the data directory and removes it at the end. Linux: it reads /proc.
 *
 * Invariants
 * 1. `kill(target)` has sent SIGKILL to a live process when it returns the instant, and `up()` resolves only when a new
 *    process stands in its place and the machine takes work.
 * 2. The URL, the data directory and the API key are the same before and after any kill.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { type PlatformOptions } from '@pegasus-workflows/platform';
import { PegasusClient } from 'pegasus-workflows-sdk/client';
import { expect } from 'vitest';
import { tenantConverter } from '../../support/decoding.js';
import { copyPgliteTemplate } from '../../support/pglite-template.js';
import { eventually } from '../../support/wait.js';
import { descendantsOf, type ProcessInfo } from './processes.js';

export const PARTS = ['worker', 'supervisor', 'server', 'temporal'] as const;
/** `agents`: the agent host, of a machine that has one (`PEGASUS_AGENTS_FILE`). */
export type Part = (typeof PARTS)[number] | 'agents';
/** Parts whose failpoints can be armed. */
type Armed = 'server' | 'supervisor' | 'agents';
/** A part, or every process of the machine at once. */
export type Target = Part | 'everything';

interface Ready {
  url: string;
  apiKey: string;
  tenantId: string;
  platformApiKey: string;
  temporal: { address: string; namespace: string };
}

/** The worker itself, not what keeps its namespaces, which has its command line among its own arguments. */
const WORKER_MAIN = /^\S*node .*runner\/dist\/worker\/main\.js/;
const ARMED_MAIN = join(import.meta.dirname, 'armed-main.mjs');
const MAINS = {
  server: '@pegasus-workflows/server/main',
  supervisor: '@pegasus-workflows/runner/supervisor',
  agents: '@pegasus-workflows/runner/agents',
};
const PLATFORM_MAIN = join(import.meta.dirname, 'platform-process.mjs');

export class Machine {
  #process!: ChildProcess;
  #ready!: Ready;
  #temporal: { address: string; client: Client } | undefined;
  client!: PegasusClient;

  private constructor(
    private readonly home: string,
    private readonly env: Record<string, string>,
  ) {}

  /** @param env settings of the platform, as in its environment */
  static async start(env: Record<string, string> = {}): Promise<Machine> {
    const home = await mkdtemp(join(tmpdir(), 'pegasus-fault-'));
    await mkdir(join(home, 'arm'));
    await copyPgliteTemplate(join(home, 'data', 'db'));
    const machine = new Machine(home, {
      // The third party of the suites is on this machine.
      PEGASUS_EGRESS_ALLOW: '127.0.0.1',
      // A worker that a suite kills looks like one that crashed, and suites kill more of them than an author's mistake would.
      PEGASUS_QUARANTINE_CRASHES: '0',
      ...env,
    });
    await machine.#start(0);
    return machine;
  }

  /**
   * Starts a part anew with failpoints (`name=kill@n`, see kit) in that one life; further ones are for the lives that
   * follow. A worker takes its supervisor's.
   * @returns the pid that will die of it
   */
  async arm(part: Armed, ...failpoints: string[]): Promise<number> {
    await this.up();
    await writeFile(this.#armFile(part), failpoints.join('\n'));
    // Its workers would outlive it for a moment, and do what the armed ones are to do.
    const workers = part === 'supervisor' ? await this.pids('worker') : [];
    await this.kill(part);
    for (const pid of workers) killNow(pid);
    await this.up();
    return (await this.pids(part))[0]!;
  }

  get #hasAgents(): boolean {
    return this.env['PEGASUS_AGENTS_FILE'] !== undefined;
  }

  get url(): string {
    return this.#ready.url;
  }

  get dataDir(): string {
    return join(this.home, 'data');
  }

  /** The first tenant and its key, and the platform tenant's key. */
  get access(): Pick<Ready, 'tenantId' | 'apiKey' | 'platformApiKey'> {
    return this.#ready;
  }

  /** A read of the runner's API, as the supervisor makes it. */
  async internal(path: string): Promise<Response> {
    const headers = { authorization: `Bearer ${await this.#runnerToken()}` };
    return fetch(`${this.url}/internal/v1${path}`, { headers });
  }

  /** Settings of an agent host elsewhere, but for its file: as its operator would give them. */
  async hostSettings(): Promise<Record<string, string>> {
    const { url, tenantId, temporal } = this.#ready;
    return {
      PEGASUS_SERVER_URL: url,
      PEGASUS_RUNNER_TOKEN: await this.#runnerToken(),
      PEGASUS_AGENTS_TENANT: tenantId,
      TEMPORAL_ADDRESS: temporal.address,
      TEMPORAL_NAMESPACE: temporal.namespace,
    };
  }

  clientWith({ maxRetries }: { maxRetries: number }): PegasusClient {
    return new PegasusClient({ baseUrl: this.#ready.url, token: this.#ready.apiKey, maxRetries });
  }

  /** Temporal's own client, to see what the platform's rows are compared with; it reads the tenant's payloads. */
  async temporal(): Promise<Client> {
    const { url, tenantId, temporal } = this.#ready;
    const { address, namespace } = temporal;
    if (this.#temporal?.address !== address) {
      await this.#temporal?.client.connection.close();
      const connection = await Connection.connect({ address });
      const dataConverter = await tenantConverter(url, await this.#runnerToken(), tenantId);
      this.#temporal = { address, client: new Client({ connection, namespace, dataConverter }) };
    }
    return this.#temporal.client;
  }

  async pids(part: Part): Promise<number[]> {
    return (await this.processes())[part].map(({ pid }) => pid);
  }

  /** The live processes of each part; of `worker` also the spare one, which has no tenant yet. */
  async processes(): Promise<Record<Part, ProcessInfo[]>> {
    const answer = once(this.#process, 'message') as Promise<[{ pids: Record<string, number | undefined> }]>;
    this.#process.send('pids');
    const [{ pids }] = await answer;
    const all = await descendantsOf(this.#process.pid!);
    const of = (part: string): ProcessInfo[] => all.filter(({ pid }) => pid === pids[part]);
    return {
      worker: all.filter(({ command }) => WORKER_MAIN.test(command)),
      supervisor: of('supervisor'),
      server: of('server'),
      temporal: of('temporal'),
      agents: of('agents'),
    };
  }

  /** SIGKILL, and the instant of it (`performance.now()`). Follow with {@link up}. */
  async kill(target: Target): Promise<number> {
    if (target === 'everything') return this.#killEverything();
    const victims = await eventually(async () => {
      const processes = (await this.processes())[target];
      expect(processes, `no ${target} to kill`).not.toEqual([]);
      return processes.map(({ pid }) => pid);
    });
    for (const pid of victims) killNow(pid);
    const at = performance.now();
    await eventually(async () => {
      const alive = (await this.processes())[target].map(({ pid }) => pid);
      expect(alive.filter((pid) => victims.includes(pid))).toEqual([]);
    });
    return at;
  }

  /** Resolves when every part but the worker, which comes on demand, is alive and the machine takes work. */
  async up(): Promise<void> {
    await eventually(
      async () => {
        const processes = await this.processes();
        const armed: Armed[] = ['server', 'supervisor', ...(this.#hasAgents ? ['agents' as const] : [])];
        for (const part of ['temporal' as const, ...armed])
          expect(processes[part], `there is no ${part}`).toHaveLength(1);
        for (const part of armed) {
          const { pid } = await this.#taken(part);
          expect(pid, `the ${part} is starting`).toBe(processes[part][0]!.pid);
        }
        const ready = await fetch(`${this.#ready.url}/ready`);
        expect(ready.status, await ready.text()).toBe(200);
      },
      { timeoutMs: 60_000, intervalMs: 100 },
    );
  }

  /** Ends everything in order and starts it again on the same data directory. */
  async restart(): Promise<void> {
    await this.#end();
    await this.#start(Number(new URL(this.#ready.url).port));
  }

  /** The failpoints of the life that is going on now; `''` when it has none. */
  async armedWith(part: Armed): Promise<string> {
    await this.up();
    return (await this.#taken(part)).failpoints;
  }

  async stop(): Promise<void> {
    await this.#temporal?.client.connection.close();
    await this.#end();
    await rm(this.home, { recursive: true, force: true });
  }

  async #start(port: number): Promise<void> {
    const options: PlatformOptions = {
      dataDir: this.dataDir,
      port,
      temporalUi: false,
      env: this.env,
      programs: { server: ARMED_MAIN, supervisor: ARMED_MAIN, agents: ARMED_MAIN },
      childEnv: {
        server: this.#armed('server'),
        supervisor: this.#armed('supervisor'),
        agents: this.#armed('agents'),
      },
    };
    const child = fork(PLATFORM_MAIN, [JSON.stringify(options)], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: { ...process.env, TEMPORAL_ADDRESS: undefined },
    });
    let log = '';
    child.stderr!.setEncoding('utf8').on('data', (text: string) => (log = (log + text).slice(-8_000)));
    const [message] = (await Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(([code]) => {
        throw new Error(`the platform ended with ${code} before it was ready:\n${log}`);
      }),
    ])) as [Ready];
    this.#process = child;
    this.#ready = message;
    this.client = this.clientWith({ maxRetries: 10 });
  }

  #armed(part: Armed): Record<string, string> {
    return { PEGASUS_ARM_FILE: this.#armFile(part), PEGASUS_ARMED_MAIN: MAINS[part] };
  }

  async #taken(part: Armed): Promise<{ pid: number; failpoints: string }> {
    const text = await readFile(`${this.#armFile(part)}.taken`, 'utf8');
    return JSON.parse(text) as { pid: number; failpoints: string };
  }

  async #runnerToken(): Promise<string> {
    return (await readFile(join(this.dataDir, 'secrets', 'runner.token'), 'utf8')).trimEnd();
  }

  #armFile(part: Armed): string {
    return join(this.home, 'arm', part);
  }

  async #end(): Promise<void> {
    const gone = once(this.#process, 'exit');
    this.#process.disconnect();
    await gone;
  }

  async #killEverything(): Promise<number> {
    const root = this.#process.pid!;
    const gone = once(this.#process, 'exit');
    const victims = [root, ...(await descendantsOf(root)).map(({ pid }) => pid)];
    for (const pid of victims) killNow(pid);
    const at = performance.now();
    await gone;
    await this.#start(Number(new URL(this.#ready.url).port));
    return at;
  }
}

/** SIGKILL; one that has just ended by itself is as dead. */
function killNow(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
