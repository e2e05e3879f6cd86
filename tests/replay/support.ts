import { randomUUID } from 'node:crypto';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadProject, type Project, type ProjectWorkflow } from '@pegasus-workflows/project/manifest';
import {
  historyToJson,
  localCode,
  readHistory,
  type RecordedHistory,
} from '@pegasus-workflows/project/replay';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { NativeConnection, Worker, type WorkflowBundleOption } from '@temporalio/worker';
import { testTemporal } from '../support/temporal.js';

const FIXTURES = fileURLToPath(new URL('./fixtures/', import.meta.url));

/** A copy of a fixture project with replacements in its workflow's source; a replacement that fits nowhere is an error. */
export class ProjectCopy implements AsyncDisposable {
  private constructor(
    readonly dir: string,
    readonly project: Project,
  ) {}

  static async of(fixture: string, ...edits: [from: string, to: string][]): Promise<ProjectCopy> {
    const dir = await mkdtemp(path.join(tmpdir(), 'pegasus-replay-'));
    await cp(path.join(FIXTURES, fixture), dir, { recursive: true });
    const file = path.join(dir, fixture, 'workflow.ts');
    let source = await readFile(file, 'utf8');
    for (const [from, to] of edits) {
      if (!source.includes(from)) throw new Error(`${fixture} has no ${JSON.stringify(from)}`);
      source = source.replace(from, to);
    }
    await writeFile(file, source);
    return new ProjectCopy(dir, await loadProject(dir));
  }

  get workflow(): ProjectWorkflow {
    return this.project.workflows[0]!;
  }
  code() {
    return localCode(this.project, this.workflow);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.dir, { recursive: true, force: true });
  }
}

/** What a test does to a run before its history is taken. */
export type Steps = (handle: WorkflowHandle) => Promise<void>;
export type Activities = Record<string, (...args: never[]) => unknown>;

/** Runs a fixture's own code on the real Temporal and takes its history; the run is terminated if it is still open then. */
export async function record(...given: Parameters<typeof recordChain>): Promise<RecordedHistory> {
  return (await recordChain(...given)).at(-1)!;
}

/** The same for a run that continues as new: the histories of its first and its last part. */
export async function recordChain(
  fixture: ProjectCopy,
  activities: Activities,
  args: unknown[],
  steps: Steps,
): Promise<RecordedHistory[]> {
  const parts = await runAndFetch(fixture.project, fixture.workflow, activities, args, steps);
  return parts.map((json) => readHistory(json, 'the recorded run'));
}

/** Who recorded, as it stands in the histories: no name of a machine. */
const IDENTITY = 'recorder';

/** The histories of a run's first and last part as Temporal's JSON. */
export async function runAndFetch(
  project: Project,
  workflow: ProjectWorkflow,
  activities: Activities,
  args: unknown[],
  steps: Steps,
): Promise<ReturnType<typeof historyToJson>[]> {
  const code = await localCode(project, workflow).bundle();
  const { exportName } = workflow.entryPoints[0]!;
  return runBundle({ code }, exportName, { activities, args, steps });
}

/** @param given `beside`: a queue on which the same activities are as well */
export async function runBundle(
  workflowBundle: WorkflowBundleOption,
  workflowType: string,
  given: { activities: Activities; args: unknown[]; steps: Steps; beside?: string },
): Promise<ReturnType<typeof historyToJson>[]> {
  const { activities, args, steps, beside } = given;
  const { address, namespace } = testTemporal();
  const native = await NativeConnection.connect({ address });
  const connection = await Connection.connect({ address });
  const taskQueue = `replay/${randomUUID()}`;
  const common = { connection: native, namespace, identity: IDENTITY, activities };
  try {
    const worker = await Worker.create({ ...common, taskQueue, workflowBundle });
    const other = beside === undefined ? undefined : await Worker.create({ ...common, taskQueue: beside });
    const work = () =>
      worker.runUntil(async () => {
        const client = new Client({ connection, namespace, identity: IDENTITY });
        const workflowId = `${taskQueue}/run`;
        const handle = await client.workflow.start(workflowType, { taskQueue, workflowId, args });
        await steps(handle);
        const first = client.workflow.getHandle(workflowId, handle.firstExecutionRunId);
        const parts = [await first.fetchHistory(), await handle.fetchHistory()];
        await handle.terminate('recorded').catch(() => undefined);
        return parts.map(historyToJson);
      });
    return await (other ? other.runUntil(work) : work());
  } finally {
    await connection.close();
    await native.close();
  }
}
