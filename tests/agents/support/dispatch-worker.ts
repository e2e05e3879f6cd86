import { fileURLToPath } from 'node:url';
import { type TemporalSettings } from '@pegasus-workflows/kit';
import { NativeConnection, Worker } from '@temporalio/worker';

const WORKFLOWS = fileURLToPath(new URL('../fixtures/dispatch-run.ts', import.meta.url));

/** A plain worker of Temporal's on a queue, with the workflows of `fixtures/dispatch-run.ts`. Answers what stops it. */
export async function workOn(
  { address, namespace }: TemporalSettings,
  taskQueue: string,
): Promise<() => Promise<void>> {
  const connection = await NativeConnection.connect({ address });
  const worker = await Worker.create({ connection, namespace, taskQueue, workflowsPath: WORKFLOWS });
  const running = worker.run();
  return async () => {
    worker.shutdown();
    await running;
    await connection.close();
  };
}
