/**
 * Job: how many cores each worker may use: what the operator allows while one tenant is about, less while others are.
 *
 * Boundary: asks the gateway who is about, and tells the workers; what holds the bound is the kernel.
 *
 * Invariants
 * 1. While several tenants are about, each has an equal part of half of the machine: the platform, which has the other
 *    half, is what each step of each tenant's run goes through. One that has several workers, because some of them drain,
 *    has its part in all of them together.
 * 2. A tenant never has less than {@link LEAST_CPUS}, so that a worker starts in seconds; never more than the operator
 *    allows, and where the operator allows all of them nothing is bounded.
 * 3. A worker that is still nobody's has half of what one has that is in use, while anybody is about: it can wait.
 * 4. One more tenant is noticed at its first call, so that its first worker starts with all that one has that is alone;
 *    one less is noticed within {@link LOOK_MS}.
 */
import { availableParallelism } from 'node:os';
import { KeyedCount } from '@pegasus-workflows/kit';
import { type GatewayPort } from '../gateway/gateway.js';
import { type WorkerChild } from './worker-child.js';

export const LEAST_CPUS = 0.5;
const LOOK_MS = 500;

type Bounded = Pick<WorkerChild, 'boundCpus' | 'exited'>;

interface Standing {
  /** What it is bounded to. */
  cpus: number;
  /** Whose it is; nobody's yet without. */
  tenantId?: string;
}

export class CpuShare {
  readonly #workers = new Map<Bounded, Standing>();
  /** How many workers each tenant has. */
  readonly #counts = new KeyedCount();
  #timer: NodeJS.Timeout | undefined;

  /** @param allowed cores of one worker, 0 for all: what the sandbox was opened with */
  constructor(
    private readonly allowed: number,
    private readonly gateway: Pick<GatewayPort, 'tenantsAbout' | 'onTenant'>,
    private readonly cores = availableParallelism(),
  ) {}

  start(): void {
    if (this.allowed === 0) return;
    this.gateway.onTenant(() => this.look());
    this.#timer = setInterval(() => this.look(), LOOK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** A worker was started that is nobody's yet. */
  add<Worker extends Bounded>(worker: Worker): Worker {
    this.#workers.set(worker, { cpus: this.allowed });
    void worker.exited.then(() => this.#forget(worker));
    this.look();
    return worker;
  }

  /** A tenant has it from now on. */
  use(worker: Bounded, tenantId: string): void {
    const standing = this.#workers.get(worker);
    if (!standing) return;
    standing.tenantId = tenantId;
    this.#counts.begin(tenantId);
    this.look();
  }

  /** Looks who is about, and changes the bounds that this changes. */
  look(): void {
    if (this.allowed === 0) return;
    const { tenantsAbout } = this.gateway;
    const part = Math.max(LEAST_CPUS, this.cores / 2 / tenantsAbout);
    const ofTenant = tenantsAbout > 1 ? Math.min(this.allowed, part) : this.allowed;
    for (const [worker, standing] of this.#workers) {
      const { tenantId } = standing;
      let sharers = tenantsAbout > 0 ? 2 : 1;
      if (tenantId !== undefined) sharers = tenantsAbout > 1 ? this.#counts.of(tenantId) : 1;
      const cpus = ofTenant / sharers;
      if (cpus === standing.cpus) continue;
      standing.cpus = cpus;
      worker.boundCpus(cpus);
    }
  }

  #forget(worker: Bounded): void {
    const tenantId = this.#workers.get(worker)?.tenantId;
    if (tenantId !== undefined) this.#counts.end(tenantId);
    this.#workers.delete(worker);
    this.look();
  }
}
