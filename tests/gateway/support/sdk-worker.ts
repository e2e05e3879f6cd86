import { fileURLToPath } from 'node:url';
import {
  bundleWorkflowCode,
  DefaultLogger,
  NativeConnection,
  Runtime,
  Worker,
  type WorkflowBundle,
} from '@temporalio/worker';
import * as activities from '../fixtures/activities.js';
import { NAMESPACE, type GatewayBench, type Hostile } from './bench.js';

/** Activities that fail, and connections that break, on purpose are nothing to be told. Before the first worker. */
export function quietSdk(): void {
  Runtime.install({
    logger: new DefaultLogger('ERROR'),
    telemetryOptions: { logging: { filter: { core: 'ERROR', other: 'ERROR' }, forward: {} } },
  });
}

/** The workflows of `fixtures/`, as Temporal's worker takes them. */
export function fixtureBundle(): Promise<WorkflowBundle> {
  return bundleWorkflowCode({
    workflowsPath: fileURLToPath(new URL('../fixtures/workflows.ts', import.meta.url)),
    logger: { log() {}, trace() {}, debug() {}, info() {}, warn() {}, error() {} },
  });
}

/** Runs `work` while Temporal's worker serves a fresh tenant's queue, through the gateway or past it. */
export async function withSdkWorker<T>(
  bench: GatewayBench,
  workflowBundle: WorkflowBundle,
  through: 'gateway' | 'nothing',
  work: (worker: Hostile) => Promise<T>,
): Promise<T> {
  const tenant = await bench.worker();
  const connection = await NativeConnection.connect(
    through === 'gateway'
      ? {
          address: tenant.address,
          metadata: { 'pegasus-worker': tenant.session.credential },
          grpcCompression: { codec: 'none' },
        }
      : { address: bench.address },
  );
  const worker = await Worker.create({
    connection,
    namespace: NAMESPACE,
    taskQueue: tenant.taskQueue,
    workflowBundle,
    activities,
    identity: 'conformance',
    stickyQueueScheduleToStartTimeout: '2s',
  });
  try {
    return await worker.runUntil(work(tenant));
  } finally {
    await connection.close();
  }
}
