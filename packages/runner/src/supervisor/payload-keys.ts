/**
 * Job: the payload keys of the tenants that have workers here, as the server has them.
 *
 * Boundary: knows the server only through `fetch`; hands keys to `tenant-process.ts`, which gives a worker those of its
 * own tenant.
 *
 * Invariants
 * 1. A tenant that was known once stays known: a server that is away holds up no worker of it.
 * 2. The server is asked for a tenant once at a time, and for keys that it did not have, no more often than every
 *    {@link ASK_AGAIN_MS}, however often a worker asks.
 * 3. No message holds a key.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type PayloadKeySet } from '@pegasus-workflows/contracts';

const ASK_AGAIN_MS = 1_000;
/** Tenants whose keys are kept; more than any machine runs workers for. */
const CAPACITY = 10_000;

interface Known {
  set: PayloadKeySet;
  /** `performance.now()`. */
  fetchedAt: number;
}

export class TenantPayloadKeys {
  readonly #fetch: (tenantId: string) => Promise<PayloadKeySet>;
  readonly #known = new Map<string, Known>();
  readonly #fetching = new Map<string, Promise<PayloadKeySet>>();

  constructor(
    fetch: (tenantId: string) => Promise<PayloadKeySet>,
    private readonly askAgainMs = ASK_AGAIN_MS,
  ) {
    this.#fetch = fetch;
  }

  /** What was fetched last; `undefined` until {@link TenantPayloadKeys.fetch} has succeeded once. */
  known(tenantId: string): PayloadKeySet | undefined {
    return this.#known.get(tenantId)?.set;
  }

  /** Asks the server. Rejects when it does not answer. */
  fetch(tenantId: string): Promise<PayloadKeySet> {
    const underWay = this.#fetching.get(tenantId);
    if (underWay) return underWay;
    const asked = this.#fetch(tenantId)
      .then((set) => {
        this.#known.delete(tenantId);
        this.#known.set(tenantId, { set, fetchedAt: performance.now() });
        if (this.#known.size > CAPACITY) this.#known.delete(this.#known.keys().next().value!);
        return set;
      })
      .finally(() => this.#fetching.delete(tenantId));
    this.#fetching.set(tenantId, asked);
    return asked;
  }

  /** For a worker that has met a key it does not know (invariant 2). Rejects when the server does not answer. */
  async with(tenantId: string, keyId: string): Promise<PayloadKeySet> {
    const known = this.#known.get(tenantId);
    if (known?.set.keys.some(({ id }) => id === keyId)) return known.set;
    // Waited for and not refused: the key may have been made just after the last answer.
    const askedAt = performance.now();
    const waitMs = known ? known.fetchedAt + this.askAgainMs - askedAt : 0;
    if (waitMs > 0) await delay(waitMs);
    const present = this.#known.get(tenantId);
    return present && present.fetchedAt >= askedAt ? present.set : this.fetch(tenantId);
  }
}
