import { fork, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { testTemporal, testTemporalEnv } from '../../support/temporal.js';
import { eventually } from '../../support/wait.js';
import { demanded, makeArtifact, type Artifact } from './artifacts.js';
import { InternalApi } from './internal-api.js';

const NAMESPACE = 't6';
const SUPERVISOR = createRequire(import.meta.url).resolve('@pegasus-workflows/runner/supervisor');

export type LogLine = Record<string, unknown> & { msg?: string };

/** A real supervisor process, an internal API for it to talk to, and a client on its Temporal. */
export class RunnerBench {
  readonly api = new InternalApi();
  /** Every line the supervisor has logged. */
  readonly logs: LogLine[] = [];
  client!: Client;
  supervisor: ChildProcess | undefined;
  dir!: string;
  #connection!: Connection;

  async open(): Promise<this> {
    this.dir = await mkdtemp(join(tmpdir(), 'pegasus-runner-test-'));
    this.#connection = await Connection.connect({ address: testTemporal(NAMESPACE).address });
    this.client = new Client({ connection: this.#connection, namespace: NAMESPACE });
    await this.api.start();
    return this;
  }

  async close(): Promise<void> {
    await this.stop('SIGKILL');
    await this.api.stop();
    await this.#connection.close();
    await rm(this.dir, { recursive: true, force: true });
  }

  /** Starts the supervisor and waits for its `ready`. */
  async start(env: Record<string, string> = {}): Promise<void> {
    const child = fork(SUPERVISOR, [], {
      env: {
        PATH: process.env['PATH'],
        // Workers' private directories go with the bench, also after a kill.
        TMPDIR: this.dir,
        ...testTemporalEnv(NAMESPACE),
        PEGASUS_SERVER_URL: this.api.url,
        PEGASUS_RUNNER_TOKEN: this.api.token,
        PEGASUS_RUNNER_DIR: this.runnerDir,
        PEGASUS_RUNNER_DRAIN_SECONDS: '5',
        ...env,
      },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.supervisor = child;
    createInterface({ input: child.stderr! }).on('line', (line) =>
      this.logs.push(JSON.parse(line) as LogLine),
    );
    const [message] = (await once(child, 'message')) as [{ type: string }];
    if (message.type !== 'ready') throw new Error(`supervisor said ${message.type} before ready`);
  }

  async stop(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.supervisor;
    this.supervisor = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    const exited = once(child, 'exit') as Promise<[number | null]>;
    child.kill(signal);
    return (await exited)[0];
  }

  get runnerDir(): string {
    return join(this.dir, 'runner');
  }

  /** Publishes an artifact of the fixture, as far as the runner can tell. */
  async publish(change?: Parameters<typeof makeArtifact>[0]): Promise<Artifact> {
    const artifact = await makeArtifact(change);
    this.api.zips.set(artifact.sha256, artifact.zip);
    return artifact;
  }

  run(tenantId: string, artifact: Artifact, workflow: string, input: object = {}): Promise<WorkflowHandle> {
    return this.client.workflow.start(workflow, {
      taskQueue: demanded(tenantId, artifact).taskQueue,
      workflowId: `wf/${tenantId}/basic/${randomUUID()}`,
      workflowExecutionTimeout: '90s',
      args: [{ executionId: randomUUID(), input }],
    });
  }

  /** Pid, as this machine has it, of the worker that an artifact was loaded by last. Waits for one. */
  async workerOf(tenantId: string, artifact: Artifact): Promise<number> {
    const { taskQueue } = demanded(tenantId, artifact);
    const loads = (line: LogLine): boolean =>
      line.msg === 'artifact loaded' && line['taskQueue'] === taskQueue;
    await this.logged(loads);
    return Number(this.logs.filter(loads).at(-1)!['workerPid']);
  }

  /** Waits until the supervisor has logged a line that matches. */
  logged(match: (line: LogLine) => boolean, count = 1): Promise<LogLine> {
    return eventually(() => {
      const lines = this.logs.filter(match);
      if (lines.length < count)
        throw new Error(
          `${lines.length} matching lines of ${this.logs.length}: ${this.logs
            .slice(-5)
            .map((l) => JSON.stringify(l))
            .join('\n')}`,
        );
      return lines[count - 1]!;
    });
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
