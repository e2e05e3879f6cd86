import {
  dispatchQueue,
  remoteHostQueue,
  remoteQueue,
  type DispatchReport,
} from '@pegasus-workflows/contracts';
import { type Logger } from '@pegasus-workflows/kit';
import { payloadCodec, type TenantPayloadCodec } from '@pegasus-workflows/kit/payloads';
import { type ToolPorts } from '@pegasus-workflows/agents';
import {
  Copies,
  dispatchActivities,
  HostWorkspace,
  originActivities,
  remoteActivities,
  takingActivities,
  type HostWorkspaceOptions,
  type Models,
} from '@pegasus-workflows/agents/durable';
import { NativeConnection, Worker, type WorkerOptions } from '@temporalio/worker';
import { type TenantPayloadKeys } from '../supervisor/payload-keys.js';
import { ServerResponseError, type ServerClient } from '../supervisor/server-client.js';
import { RemoteBlobs } from '../worker/blobs.js';
import { WorkerPayloadKeys } from '../worker/payload-keys.js';
import { BlobBundles } from './bundles.js';
import { type HostSettings } from './settings.js';

/**
 * Job: one folder of this host, worked on until that is to end: a workspace, or copies of other hosts' workspaces.
 *
 * Boundary: workers of Temporal on one connection, for one tenant, whose payload keys they have.
 *
 * Invariants
 * 1. `onReady` is told once the workers poll.
 * 2. When it resolves nothing polls, and every log is closed.
 */
export interface HostedWorkspace {
  tenantId: string;
  name: string;
  path: string;
}

/** A folder for dispatches that come from other hosts. */
export interface HostedRemote {
  tenantId: string;
  path: string;
  /** Most of them at once. */
  dispatches: number;
}

export type Hosted = HostedWorkspace | HostedRemote;

export interface ServingParts {
  settings: HostSettings;
  models: Models;
  ports: ToolPorts;
  server: ServerClient;
  keys: TenantPayloadKeys;
  /** Code of the dispatch's workflow. */
  workflowBundle: { codePath: string };
  logger: Logger;
  signal: AbortSignal;
}

/** Longer than a step takes to notice that it is to end. */
const GRACE = '10s';
/** Copies are made one after the other: others may be free. */
const TAKING = 1;

/** Until it is stopped, its log is lost, or a worker ends by itself. */
export async function serve(parts: ServingParts, hosted: Hosted, onReady: () => void): Promise<void> {
  const { settings } = parts;
  const connection = await NativeConnection.connect(settings.temporal.connection);
  try {
    const { codec, bundles } = await tenantAccess(parts, hosted.tenantId);
    const shared: SharedOptions = {
      connection,
      namespace: settings.temporal.namespace,
      dataConverter: { payloadCodecs: [codec] },
      shutdownGraceTime: GRACE,
    };
    if ('name' in hosted) await serveWorkspace(parts, hosted, bundles, shared, onReady);
    else await serveCopies(parts, hosted, bundles, shared, onReady);
  } finally {
    await connection.close();
  }
}

type SharedOptions = Pick<WorkerOptions, 'connection' | 'namespace' | 'dataConverter' | 'shutdownGraceTime'>;

async function serveWorkspace(
  parts: ServingParts,
  { tenantId, name, path: folder }: HostedWorkspace,
  bundles: BlobBundles,
  shared: SharedOptions,
  onReady: () => void,
): Promise<void> {
  const { models, ports, workflowBundle, settings } = parts;
  const { heartbeatTimeoutMs } = settings;
  const workspace = await HostWorkspace.open({ folder, ...telling(parts, tenantId) });
  try {
    const workspaceOf = () => Promise.resolve(workspace);
    const worker = await Worker.create({
      ...shared,
      taskQueue: dispatchQueue(tenantId, name),
      workflowBundle,
      activities: {
        ...dispatchActivities({ ...ports, models, workspaceOf, heartbeatTimeoutMs }),
        ...originActivities({ workspace, bundles, heartbeatTimeoutMs }),
      },
      maxCachedWorkflows: 50,
      maxConcurrentActivityTaskExecutions: 40,
      reuseV8Context: true,
      // A host that is gone delays its dispatches by this much; replaying one costs less.
      stickyQueueScheduleToStartTimeout: '2s',
    });
    await runAll([worker], AbortSignal.any([parts.signal, workspace.log.lost]), onReady);
  } finally {
    await workspace.close();
  }
}

async function serveCopies(
  parts: ServingParts,
  { tenantId, path: folder, dispatches: most }: HostedRemote,
  bundles: BlobBundles,
  shared: SharedOptions,
  onReady: () => void,
): Promise<void> {
  const { models, ports, settings } = parts;
  const { heartbeatTimeoutMs } = settings;
  const copies = await Copies.open({ folder, bundles, most, ...telling(parts, tenantId) });
  try {
    const queue = remoteHostQueue(tenantId, copies.id);
    const remote = { ...ports, models, copies, queue, heartbeatTimeoutMs };
    const steps = await Worker.create({
      ...shared,
      taskQueue: queue,
      activities: { ...remoteActivities(remote) },
      maxConcurrentActivityTaskExecutions: 40,
    });
    const taking = await Worker.create({
      ...shared,
      taskQueue: remoteQueue(tenantId),
      activities: { ...takingActivities(remote) },
      maxConcurrentActivityTaskExecutions: TAKING,
    });
    await runAll([steps, taking], AbortSignal.any([parts.signal, copies.lost]), onReady);
  } finally {
    await copies.close();
  }
}

/** Rejects with the first failure, once all have ended. */
async function runAll(workers: readonly Worker[], ending: AbortSignal, onReady: () => void): Promise<void> {
  const stop = (): void => {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
  };
  const running = workers.map((worker) => worker.run().finally(stop));
  ending.addEventListener('abort', stop, { once: true });
  try {
    if (ending.aborted) stop();
    else onReady();
    const ended = await Promise.allSettled(running);
    for (const one of ended) if (one.status === 'rejected') throw one.reason;
  } finally {
    ending.removeEventListener('abort', stop);
  }
}

async function tenantAccess(
  { server, keys }: ServingParts,
  tenantId: string,
): Promise<{ codec: TenantPayloadCodec; bundles: BlobBundles }> {
  const set = await keys.fetch(tenantId);
  const tenantKeys = new WorkerPayloadKeys(set, (keyId) => keys.with(tenantId, keyId));
  const store = new RemoteBlobs((sha256) => server.blobTarget(tenantId, sha256));
  const codec = payloadCodec(tenantId, tenantKeys, set.blobs ? { blobs: { store, limits: set.blobs } } : {});
  // Its parts are blobs already.
  return { codec, bundles: new BlobBundles(payloadCodec(tenantId, tenantKeys), store) };
}

function telling(
  { server, logger, signal }: ServingParts,
  tenantId: string,
): Omit<HostWorkspaceOptions, 'folder'> {
  return {
    report: async (dispatchId: string, report: DispatchReport) => {
      try {
        await server.dispatchReport(tenantId, dispatchId, report, signal);
        return 'taken';
      } catch (error) {
        if (error instanceof ServerResponseError && error.isFinal) return 'refused';
        throw error;
      }
    },
    onRefused: (dispatchId) =>
      logger.warn({ tenantId, dispatchId }, 'the server does not know this dispatch'),
    onFailed: (error) =>
      logger.debug({ err: error }, 'the server was not told of a dispatch; it is told again'),
  };
}
