// A plain Temporal worker in a process of its own: what a team without the platform would run.
import { fileURLToPath } from 'node:url';
import { NativeConnection, Worker } from '@temporalio/worker';
import * as activities from '../project/bench/activities.js';

const { BENCH_TEMPORAL_ADDRESS, BENCH_TEMPORAL_NAMESPACE, BENCH_TASK_QUEUE } = process.env;

const connection = await NativeConnection.connect({ address: BENCH_TEMPORAL_ADDRESS });
const worker = await Worker.create({
  connection,
  namespace: BENCH_TEMPORAL_NAMESPACE,
  taskQueue: BENCH_TASK_QUEUE,
  workflowsPath: fileURLToPath(new URL('../project/bench/workflow.js', import.meta.url)),
  activities,
});
const running = worker.run();
process.on('disconnect', () => worker.shutdown());
process.send({ type: 'ready' });
await running;
await connection.close();
