import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { AGENT_HOST_PING_MS, dispatchQueue, PegasusError } from '@pegasus-workflows/contracts';
import { type Logger } from '@pegasus-workflows/kit';
import { payloadCodec } from '@pegasus-workflows/kit/payloads';
import { type ToolPorts } from '@pegasus-workflows/agents';
import { dispatchActivities, HostWorkspace, type Models } from '@pegasus-workflows/agents/durable';
import { NativeConnection, Worker } from '@temporalio/worker';
import { TenantPayloadKeys } from '../supervisor/payload-keys.js';
import { ServerResponseError, type ServerClient } from '../supervisor/server-client.js';
import { RemoteBlobs } from '../worker/blobs.js';
import { WorkerPayloadKeys } from '../worker/payload-keys.js';
import { type HostSettings } from './settings.js';

/**
 * Job: the workspaces of this machine on which durable dispatches work: for each of them a worker of Temporal that runs
 * the dispatch's workflow and its steps.
 *
 * Boundary: trusted: it reaches Temporal and the server's internal API by itself, and has the payload keys of the tenants
 * whose workspaces it has. What an agent runs is behind the walls of `sandbox/`.
 *
 * Invariants
 * 1. A workspace whose folder or log cannot be had now is tried again; it holds up no other one.
 * 2. The server hears of the workspaces that are worked on, and of no others.
 * 3. After `stop` nothing polls, and every log is closed.
 */
export interface HostedWorkspace {
  tenantId: string;
  name: string;
  path: string;
}

export interface AgentHostParts {
  settings: HostSettings;
  workspaces: readonly HostedWorkspace[];
  models: Models;
  ports: ToolPorts;
  server: ServerClient;
  /** Code of the dispatch's workflow. */
  workflowBundle: { codePath: string };
  logger: Logger;
}

const AGAIN_MS = 1_000;
const READY_LOOK_MS = 100;
/** Longer than a step takes to notice that it is to end. */
const GRACE = '10s';

export class AgentHost {
  readonly #parts: AgentHostParts;
  readonly #stopping = new AbortController();
  readonly #ready = new Set<HostedWorkspace>();
  /** Those that the server was told of last. */
  #known: ReadonlySet<HostedWorkspace> = new Set();
  readonly #keys: TenantPayloadKeys;
  readonly #hostId: string;
  #work: Promise<unknown> = Promise.resolve();

  constructor(parts: AgentHostParts) {
    this.#parts = parts;
    this.#hostId = parts.settings.hostId ?? randomUUID();
    this.#keys = new TenantPayloadKeys((tenantId) => parts.server.payloadKeys(tenantId));
  }

  start(): void {
    const { workspaces } = this.#parts;
    this.#work = Promise.all([...workspaces.map((one) => this.#keepUp(one)), this.#tellOfItself()]);
  }

  /** Resolves when the server knows of every workspace, and at the latest after `waitMs`. @returns those that it knows not */
  async ready(waitMs: number): Promise<HostedWorkspace[]> {
    const until = performance.now() + waitMs;
    const missing = (): HostedWorkspace[] => this.#parts.workspaces.filter((one) => !this.#known.has(one));
    while (missing().length > 0 && performance.now() < until && !this.#stopping.signal.aborted)
      await this.#pause(READY_LOOK_MS);
    return missing();
  }

  /** Invariant 3. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#work;
  }

  /** Invariant 1. */
  async #keepUp(hosted: HostedWorkspace): Promise<void> {
    const { logger } = this.#parts;
    const about = { tenantId: hosted.tenantId, workspace: hosted.name };
    while (!this.#stopping.signal.aborted) {
      try {
        await this.#serve(hosted);
      } catch (error) {
        logger.warn({ ...about, err: error }, 'a workspace is not worked on now; it is tried again');
      }
      this.#ready.delete(hosted);
      await this.#pause(AGAIN_MS);
    }
  }

  /** Until it is stopped, or the worker ends by itself. */
  async #serve(hosted: HostedWorkspace): Promise<void> {
    const { settings, models, ports, logger, workflowBundle } = this.#parts;
    const { tenantId, name, path } = hosted;
    const workspace = await HostWorkspace.open({
      folder: path,
      report: (dispatchId, report) => this.#report(tenantId, dispatchId, report),
      onRefused: (dispatchId) =>
        logger.warn({ tenantId, dispatchId }, 'the server does not know this dispatch'),
      onFailed: (error) =>
        logger.debug({ err: error }, 'the server was not told of a dispatch; it is told again'),
    });
    try {
      const { connection: options, namespace } = settings.temporal;
      const connection = await NativeConnection.connect(options);
      try {
        const { heartbeatTimeoutMs } = settings;
        const worker = await Worker.create({
          connection,
          namespace,
          taskQueue: dispatchQueue(tenantId, name),
          workflowBundle,
          activities: { ...dispatchActivities({ ...ports, models, workspace, heartbeatTimeoutMs }) },
          dataConverter: { payloadCodecs: [await this.#codec(tenantId)] },
          maxCachedWorkflows: 50,
          maxConcurrentActivityTaskExecutions: 40,
          reuseV8Context: true,
          // A host that is gone delays its dispatches by this much; replaying one costs less.
          stickyQueueScheduleToStartTimeout: '2s',
          shutdownGraceTime: GRACE,
        });
        const running = worker.run();
        const stop = (): void => {
          if (worker.getState() === 'RUNNING') worker.shutdown();
        };
        // A log that can be written no more is opened anew (invariant 1).
        const ending = AbortSignal.any([this.#stopping.signal, workspace.log.lost]);
        ending.addEventListener('abort', stop, { once: true });
        if (ending.aborted) stop();
        this.#ready.add(hosted);
        logger.info({ tenantId, workspace: name }, 'a workspace is worked on');
        await running;
        ending.removeEventListener('abort', stop);
      } finally {
        await connection.close();
      }
    } finally {
      await workspace.close();
    }
  }

  async #codec(tenantId: string): Promise<ReturnType<typeof payloadCodec>> {
    const { server } = this.#parts;
    const set = await this.#keys.fetch(tenantId);
    const keys = new WorkerPayloadKeys(set, (keyId) => this.#keys.with(tenantId, keyId));
    const store = new RemoteBlobs((sha256) => server.blobTarget(tenantId, sha256));
    return payloadCodec(tenantId, keys, set.blobs ? { blobs: { store, limits: set.blobs } } : {});
  }

  async #report(
    tenantId: string,
    dispatchId: string,
    report: Parameters<ServerClient['dispatchReport']>[2],
  ): Promise<'taken' | 'refused'> {
    try {
      await this.#parts.server.dispatchReport(tenantId, dispatchId, report, this.#stopping.signal);
      return 'taken';
    } catch (error) {
      if (error instanceof ServerResponseError && error.isFinal) return 'refused';
      throw error;
    }
  }

  /** Invariant 2. */
  async #tellOfItself(): Promise<void> {
    const { server, models, logger } = this.#parts;
    while (!this.#stopping.signal.aborted) {
      const telling = new Set(this.#ready);
      const workspaces = [...telling].map(({ tenantId, name }) => ({ tenantId, name }));
      try {
        await server.agentHost(this.#hostId, { workspaces, models: models.names }, this.#stopping.signal);
        this.#known = telling;
      } catch (error) {
        logger.debug({ err: error }, 'the server was not told of this host; it is told again');
        await this.#pause(AGAIN_MS);
        continue;
      }
      const until = performance.now() + AGENT_HOST_PING_MS / 2;
      // What has changed is told at once.
      const isSame = (): boolean =>
        telling.size === this.#ready.size && [...telling].every((one) => this.#ready.has(one));
      while (performance.now() < until && isSame() && !this.#stopping.signal.aborted)
        await this.#pause(READY_LOOK_MS);
    }
  }

  async #pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
  }
}

/** Workspaces with their tenants. Throws one sentence for one that has none. */
export function hostedWorkspaces(
  workspaces: readonly { name: string; path: string; tenant?: string | undefined }[],
  tenantId: string | undefined,
): HostedWorkspace[] {
  return workspaces.map(({ name, path, tenant = tenantId }) => {
    if (tenant === undefined)
      throw new PegasusError('VALIDATION_ERROR', `workspaces.${name}.tenant: name the tenant it is for.`);
    return { tenantId: tenant, name, path };
  });
}
