/**
 * Job: how many cores each worker may use: what the operator allows while one tenant is about, less while others are.
 *
 * Boundary: asks the gateway who is about, and tells the sandbox; what holds the bound is the kernel.
 *
 * Invariants
 * 1. While several tenants are about, the workers of all have an equal part of half of the machine: the platform, which
 *    has the other half, is what each step of each tenant's run goes through.
 * 2. Never less than {@link LEAST_CPUS}, so that a worker starts in seconds; never more than the operator allows, and
 *    where the operator allows all of them nothing is bounded.
 */
import { availableParallelism } from 'node:os';
import { type GatewayPort } from '../gateway/gateway.js';
import { type Sandbox } from '../sandbox/sandbox.js';

export const LEAST_CPUS = 0.5;
const LOOK_MS = 500;

export class CpuShare {
  #cpus: number;
  #timer: NodeJS.Timeout | undefined;

  /** @param allowed cores of one worker, 0 for all: what the sandbox was opened with */
  constructor(
    private readonly sandbox: Pick<Sandbox, 'boundCpus'>,
    private readonly allowed: number,
    private readonly gateway: Pick<GatewayPort, 'tenantsAbout'>,
    private readonly cores = availableParallelism(),
  ) {
    this.#cpus = allowed;
  }

  start(): void {
    if (this.allowed > 0) this.#timer = setInterval(() => this.look(), LOOK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Looks who is about, and changes the bound if that changes it. */
  look(): void {
    const { tenantsAbout } = this.gateway;
    const part = Math.max(LEAST_CPUS, this.cores / 2 / tenantsAbout);
    const cpus = tenantsAbout > 1 ? Math.min(this.allowed, part) : this.allowed;
    if (cpus === this.#cpus) return;
    this.#cpus = cpus;
    this.sandbox.boundCpus(cpus);
  }
}
