import { randomUUID } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';

/** Starts and awaits runs as a caller without the platform does: Temporal's own client. */
export async function connectRaw() {
  const { BENCH_TEMPORAL_ADDRESS, BENCH_TEMPORAL_NAMESPACE, BENCH_TASK_QUEUE } = process.env;
  const connection = await Connection.connect({ address: BENCH_TEMPORAL_ADDRESS });
  const client = new Client({ connection, namespace: BENCH_TEMPORAL_NAMESPACE });
  return {
    /** @param {{activities: number}} input @returns a function that waits for the result */
    async start(input) {
      const executionId = randomUUID();
      const handle = await client.workflow.start('chain', {
        workflowId: `bench/${executionId}`,
        taskQueue: BENCH_TASK_QUEUE,
        workflowExecutionTimeout: '1 hour',
        args: [{ executionId, input }],
      });
      return () => handle.result();
    },
    close: () => connection.close(),
  };
}
