/**
 * Job: one whole platform with hostile tenants and an honest neighbour on it, for every attack of this folder.
 *
 * Boundary: publishes and starts, as anybody with a key may; what an attack saw is judged by the test.
 *
 * Invariants
 * 1. While an attack goes on, the neighbour starts a run and that run completes, untouched: {@link Stage.whileNeighbourWorks}.
 * 2. An attack that ends its process is made by a tenant of its own, so that no other attack waits for a new one.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { artifactTaskQueue, type Execution, type Workflow } from '@pegasus-workflows/contracts';
import { loadProject, packageWorkflow } from '@pegasus-workflows/project';
import { inspectSandbox } from '@pegasus-workflows/runner';
import { PegasusClient } from 'pegasus-workflows-sdk/client';
import { expect } from 'vitest';
import { requireCommand } from '../support/apt.js';
import { startTestPlatform, type TestPlatform } from '../support/platform.js';
import { eventually } from '../support/wait.js';

export const MINUTE = 60_000;
const FIXTURES = join(import.meta.dirname, 'fixtures');

/** What the platform of these tests allows one tenant. */
export const BOUNDS = { memoryMb: 512, tasks: 128, files: 512, diskMb: 32, tokenSeconds: 6 } as const;

interface Packaged {
  manifest: Parameters<PegasusClient['workflows']['publish']>[0]['manifest'];
  zip: Uint8Array<ArrayBuffer>;
}

/** A tenant with one published workflow. */
export interface Tenant {
  tenantId: string;
  key: string;
  client: PegasusClient;
  workflow: Workflow;
  taskQueue: string;
}

/** A run as Temporal names it. */
export interface Run {
  executionId: string;
  workflowId: string;
  runId: string;
}

export interface AttackOptions {
  by?: Tenant;
  /** How long its activity may take; default 60. */
  seconds?: number;
}

/** The walls of this host, by name; what it does not have, the tests skip by name. */
await requireCommand('bwrap', 'bubblewrap');
export const WALLS = Object.fromEntries((await inspectSandbox()).map(({ name, up }) => [name, up]));

class Stage {
  platform!: TestPlatform;
  mallory!: Tenant;
  neighbour!: Tenant;
  #operator!: PegasusClient;
  readonly #packages = new Map<string, Promise<Packaged>>();
  readonly #tenants = new Map<string, Promise<Tenant>>();

  async open(): Promise<void> {
    this.platform = await startTestPlatform({
      namespace: 't4',
      env: {
        PEGASUS_RUNNER_TENANT_MEMORY_MB: String(BOUNDS.memoryMb),
        PEGASUS_RUNNER_TENANT_TASKS: String(BOUNDS.tasks),
        PEGASUS_RUNNER_TENANT_FILES: String(BOUNDS.files),
        PEGASUS_RUNNER_TENANT_DISK_MB: String(BOUNDS.diskMb),
        PEGASUS_RUNTIME_TOKEN_SECONDS: String(BOUNDS.tokenSeconds),
        LOG_LEVEL: 'info',
      },
    });
    this.#operator = this.#client(this.platform.platformTenant.apiKey);
    [this.neighbour, this.mallory] = await Promise.all([
      this.#tenant('neighbour', 'neighbour'),
      this.tenant('mallory'),
    ]);
    await this.whileNeighbourWorks(() => this.attack('look-for-code'));
  }

  async close(): Promise<void> {
    await this.platform?.dispose();
  }

  /** A tenant that has published the hostile artifact. */
  tenant(slug: string): Promise<Tenant> {
    const known = this.#tenants.get(slug) ?? this.#tenant(slug, 'hostile');
    this.#tenants.set(slug, known);
    return known;
  }

  /** What an attack saw, from inside of a run of the hostile artifact, while the neighbour works (invariant 1). */
  async attack<T>(attack: string, args: object = {}, options: AttackOptions = {}): Promise<T> {
    const ended = await this.whileNeighbourWorks(() => this.tryAttack(attack, args, options));
    expect([ended.status, ended.errorMessage ?? '']).toEqual(['COMPLETED', '']);
    return ended.result as T;
  }

  /** The run of an attack, however it ended. */
  async tryAttack(
    attack: string,
    args: object,
    { by = this.mallory, seconds }: AttackOptions = {},
  ): Promise<Execution> {
    const id = await this.startAttack(attack, args, { by, ...(seconds ? { seconds } : {}) });
    return by.client.executions.wait(by.workflow.id, id, { timeoutMs: 2 * MINUTE });
  }

  async startAttack(
    attack: string,
    args: object,
    { by = this.mallory, seconds }: AttackOptions = {},
  ): Promise<string> {
    const input = { attack, args, ...(seconds ? { seconds } : {}) };
    return (await by.client.workflows.run(by.workflow.id, { input })).id;
  }

  /** An attack that its process does not outlive: the tenant's next run has another one, and the neighbour works. */
  async endsItsProcess(by: Tenant, attack: string, args: object = {}): Promise<void> {
    await this.attack('look-for-code', {}, { by });
    const [worker, platform] = [await this.workerOf(by), this.platform.pids()];
    await this.whileNeighbourWorks(async () => {
      const id = await this.startAttack(attack, args, { by });
      await eventually(() => expect(() => process.kill(worker, 0)).toThrow('ESRCH'), { timeoutMs: MINUTE });
      // Or it would be tried again in the next process. It may have ended before its process did.
      await by.client.executions
        .terminate(by.workflow.id, id, { reason: 'seen' })
        .catch(async () =>
          expect((await by.client.executions.get(by.workflow.id, id)).status).toBe('COMPLETED'),
        );
    });
    await this.attack('look-for-code', {}, { by });
    expect(await this.workerOf(by)).not.toBe(worker);
    expect(this.platform.pids()).toEqual(platform);
  }

  /** Pid of the process that the tenant's artifact was loaded by last, as this machine numbers it. */
  async workerOf({ taskQueue }: Tenant): Promise<number> {
    const loads = (await this.logged('"artifact loaded"')).filter((line) => line.includes(taskQueue));
    return (JSON.parse(loads.at(-1)!) as { workerPid: number }).workerPid;
  }

  /** Does something while the neighbour's run goes from start to end; it finds nothing of anybody else. */
  async whileNeighbourWorks<T>(act: () => Promise<T>): Promise<T> {
    const { client, workflow } = this.neighbour;
    const acting = act();
    // Whatever becomes of the neighbour's run, nobody leaves an attack behind that fails unseen.
    acting.catch(() => undefined);
    const { id } = await client.workflows.run(workflow.id, { input: { a: 40, b: 2 } });
    const ended = await client.executions.wait(workflow.id, id, { timeoutMs: 2 * MINUTE });
    expect(ended.result ?? ended).toEqual({ sum: 42, poisoned: [], characters: 12 });
    return acting;
  }

  /** A run of the neighbour's that goes on until {@link release}. */
  async hold(): Promise<Run> {
    const { client, workflow } = this.neighbour;
    const { id } = await client.workflows.run(workflow.id, { input: { a: 1, b: 2, holds: true } });
    return eventually(async () => {
      const { temporalWorkflowId, temporalRunId } = await client.executions.get(workflow.id, id);
      expect(temporalRunId).toBeTruthy();
      return { executionId: id, workflowId: temporalWorkflowId!, runId: temporalRunId! };
    });
  }

  /** Lets a held run go on; it has come to no harm. */
  async release({ executionId }: Run): Promise<void> {
    const { client, workflow } = this.neighbour;
    await client.executions.signal(workflow.id, executionId, 'go-on');
    const ended = await client.executions.wait(workflow.id, executionId, { timeoutMs: MINUTE });
    expect(ended.result ?? ended).toMatchObject({ sum: 3 });
  }

  /** Of another tenant's, from the platform's own log. */
  log(part: 'runner' | 'server'): Promise<string> {
    return readFile(join(this.platform.dataDir, `logs/${part}.log`), 'utf8');
  }

  /** The lines of the supervisor's log that hold this text. */
  async logged(text: string): Promise<string[]> {
    return (await this.log('runner')).split('\n').filter((line) => line.includes(text));
  }

  #client(token: string): PegasusClient {
    return new PegasusClient({ baseUrl: this.platform.url, token });
  }

  async #tenant(slug: string, fixture: string): Promise<Tenant> {
    const { id: tenantId, adminKey } = await this.#operator.tenants.create({ slug });
    const client = this.#client(adminKey.key);
    if (fixture === 'neighbour') await client.secrets.set('API_KEY', 'twelve chars');
    else await client.configs.set('GREETING', 'hello');
    const { manifest, zip } = await this.packaged(fixture);
    const workflow = await client.workflows.publish({ manifest, artifact: zip });
    const taskQueue = artifactTaskQueue(tenantId, workflow.artifactSha256);
    return { tenantId, key: adminKey.key, client, workflow, taskQueue };
  }

  /** A fixture as its author packs it, once. */
  packaged(fixture: string): Promise<Packaged> {
    const known = this.#packages.get(fixture) ?? packageFixture(fixture);
    this.#packages.set(fixture, known);
    return known;
  }
}

async function packageFixture(fixture: string): Promise<Packaged> {
  const outDir = await mkdtemp(join(tmpdir(), 'pegasus-attacks-'));
  try {
    const project = await loadProject(join(FIXTURES, fixture));
    const { manifest, zipPath } = await packageWorkflow(project, project.workflows[0]!, { outDir });
    return { manifest, zip: new Uint8Array(await readFile(zipPath)) };
  } finally {
    await rm(outDir, { recursive: true, force: true });
  }
}

export const stage = new Stage();
