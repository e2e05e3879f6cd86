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
import { NativeConnection, Worker } from '@temporalio/worker';
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

/** Runs a fixture's own code on the real Temporal and takes its history; the run is terminated if it is still open then. */
export async function record(...given: Parameters<typeof recordChain>): Promise<RecordedHistory> {
  return (await recordChain(...given)).at(-1)!;
}

/** The same for a run that continues as new: the histories of its first and its last part. */
export async function recordChain(
  fixture: ProjectCopy,
  activities: Record<string, (...args: never[]) => unknown>,
  args: unknown[],
  steps: Steps,
): Promise<RecordedHistory[]> {
  const { address, namespace } = testTemporal();
  const native = await NativeConnection.connect({ address });
  const connection = await Connection.connect({ address });
  const taskQueue = `replay/${path.basename(fixture.dir)}`;
  try {
    const worker = await Worker.create({
      connection: native,
      namespace,
      taskQueue,
      workflowBundle: { code: await fixture.code().bundle() },
      activities,
    });
    return await worker.runUntil(async () => {
      const client = new Client({ connection, namespace });
      const handle = await client.workflow.start(fixture.workflow.entryPoints[0]!.exportName, {
        taskQueue,
        workflowId: taskQueue,
        args,
      });
      await steps(handle);
      const first = client.workflow.getHandle(taskQueue, handle.firstExecutionRunId);
      const parts = [await first.fetchHistory(), await handle.fetchHistory()];
      await handle.terminate('recorded').catch(() => undefined);
      return parts.map((history) => readHistory(historyToJson(history), 'the recorded run'));
    });
  } finally {
    await connection.close();
    await native.close();
  }
}
