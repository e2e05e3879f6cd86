import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { AGENT_HOST_PING_MS, PegasusError, type AgentHost as Offer } from '@pegasus-workflows/contracts';
import { TenantPayloadKeys } from '../supervisor/payload-keys.js';
import { type HostFile } from './config-file.js';
import { serve, type Hosted, type ServingParts } from './serving.js';

/**
 * Job: the folders of this machine in which durable dispatches work: workspaces, and copies of other hosts'. Each is
 * worked on by `serving.ts`; this keeps that going, and tells the server what there is.
 *
 * Boundary: trusted: it reaches Temporal and the server's internal API by itself, and has the payload keys of the tenants
 * whose workspaces it has. What an agent runs is behind the walls of `sandbox/`.
 *
 * Invariants
 * 1. A workspace whose folder or log cannot be had now is tried again; it holds up no other one.
 * 2. The server hears of the workspaces that are worked on, and of no others.
 * 3. After `stop` nothing polls, and every log is closed.
 */
export interface AgentHostParts extends Omit<ServingParts, 'keys' | 'signal'> {
  hosted: readonly Hosted[];
}

const AGAIN_MS = 1_000;
const READY_LOOK_MS = 100;

export class AgentHost {
  readonly #parts: AgentHostParts;
  readonly #stopping = new AbortController();
  readonly #ready = new Set<Hosted>();
  /** Those that the server was told of last. */
  #known: ReadonlySet<Hosted> = new Set();
  readonly #keys: TenantPayloadKeys;
  readonly #hostId: string;
  #work: Promise<unknown> = Promise.resolve();

  constructor(parts: AgentHostParts) {
    this.#parts = parts;
    this.#hostId = parts.settings.hostId ?? randomUUID();
    this.#keys = new TenantPayloadKeys((tenantId) => parts.server.payloadKeys(tenantId));
  }

  start(): void {
    const { hosted } = this.#parts;
    this.#work = Promise.all([...hosted.map((one) => this.#keepUp(one)), this.#tellOfItself()]);
  }

  /** Resolves when the server knows of every folder, and at the latest after `waitMs`. @returns those that it knows not */
  async ready(waitMs: number): Promise<Hosted[]> {
    const until = performance.now() + waitMs;
    const missing = (): Hosted[] => this.#parts.hosted.filter((one) => !this.#known.has(one));
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
  async #keepUp(hosted: Hosted): Promise<void> {
    const { logger } = this.#parts;
    const about = { tenantId: hosted.tenantId, path: hosted.path };
    const parts = { ...this.#parts, keys: this.#keys, signal: this.#stopping.signal };
    const onReady = (): void => {
      this.#ready.add(hosted);
      logger.info(about, 'a folder is worked on');
    };
    while (!this.#stopping.signal.aborted) {
      try {
        await serve(parts, hosted, onReady);
      } catch (error) {
        logger.warn({ ...about, err: error }, 'a folder is not worked on now; it is tried again');
      }
      this.#ready.delete(hosted);
      await this.#pause(AGAIN_MS);
    }
  }

  /** Invariant 2. */
  async #tellOfItself(): Promise<void> {
    const { server, models, logger } = this.#parts;
    while (!this.#stopping.signal.aborted) {
      const telling = new Set(this.#ready);
      try {
        await server.agentHost(this.#hostId, offerOf(telling, models.names), this.#stopping.signal);
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

function offerOf(telling: Iterable<Hosted>, models: string[]): Offer {
  const offer: Offer = { workspaces: [], models };
  for (const hosted of telling) {
    const { tenantId } = hosted;
    if ('name' in hosted) offer.workspaces.push({ tenantId, name: hosted.name });
    else (offer.remotes ??= []).push(tenantId);
  }
  return offer;
}

/** What a file names, each with its tenant. Throws one sentence for one that has none. */
export function hostedOf({ workspaces, remotes }: Named, tenantId: string | undefined): Hosted[] {
  const tenantOf = (tenant: string | undefined, what: string): string => {
    const found = tenant ?? tenantId;
    if (found !== undefined) return found;
    throw new PegasusError('VALIDATION_ERROR', `${what}.tenant: name the tenant it is for.`);
  };
  return [
    ...workspaces.map(({ name, path, tenant }) => ({
      tenantId: tenantOf(tenant, `workspaces.${name}`),
      name,
      path,
    })),
    ...remotes.map(({ path, tenant, dispatches }, at) => ({
      tenantId: tenantOf(tenant, `remotes.${at}`),
      path,
      dispatches,
    })),
  ];
}
type Named = Pick<HostFile, 'workspaces' | 'remotes'>;
