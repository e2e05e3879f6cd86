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

export class CpuShare {
  /** What each worker is bounded to. */
  readonly #bounds = new Map<Bounded, number>();
  /** Whose each worker is; one that is not here is nobody's. */
  readonly #tenants = new Map<Bounded, string>();
  readonly #workers = new KeyedCount();
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
    this.#bounds.set(worker, this.allowed);
    void worker.exited.then(() => this.#forget(worker));
    this.look();
    return worker;
  }

  /** A tenant has it from now on. */
  use(worker: Bounded, tenantId: string): void {
    this.#tenants.set(worker, tenantId);
    this.#workers.begin(tenantId);
    this.look();
  }

  /** Looks who is about, and changes the bounds that this changes. */
  look(): void {
    if (this.allowed === 0) return;
    const { tenantsAbout } = this.gateway;
    const part = Math.max(LEAST_CPUS, this.cores / 2 / tenantsAbout);
    const ofTenant = tenantsAbout > 1 ? Math.min(this.allowed, part) : this.allowed;
    for (const [worker, bound] of this.#bounds) {
      const tenantId = this.#tenants.get(worker);
      let cpus = ofTenant;
      if (tenantId === undefined) cpus = tenantsAbout > 0 ? ofTenant / 2 : ofTenant;
      else if (tenantsAbout > 1) cpus = ofTenant / this.#workers.of(tenantId);
      if (cpus === bound) continue;
      this.#bounds.set(worker, cpus);
      worker.boundCpus(cpus);
    }
  }

  #forget(worker: Bounded): void {
    const tenantId = this.#tenants.get(worker);
    if (tenantId !== undefined) this.#workers.end(tenantId);
    this.#tenants.delete(worker);
    this.#bounds.delete(worker);
    this.look();
  }
}
