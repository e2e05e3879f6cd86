import { PegasusError } from '@pegasus-workflows/contracts';
import { TokenBuckets, type FairLimit } from '@pegasus-workflows/kit';
import { eq } from 'drizzle-orm';
import { type Database } from '../infra/database.js';
import { tenants } from '../infra/schema.js';
import { type OpenCounts, type Place } from './open-counts.js';
import { STARTS_PER_PLACE } from './starter.js';
import { type ExecutionStore } from './store.js';

/**
 * Job: lets a run of a tenant in, or says which of its quotas is full.
 *
 * Boundary: quotas are columns of the tenant, each null standing for the platform's own limit. They are remembered
 * for {@link REMEMBER_MS}, so a change counts that much later at most. The counting is {@link OpenCounts}'.
 *
 * Invariants
 * 1. A place is taken only after the tenant's quotas and its starts of today are known.
 * 2. Nothing of a disabled tenant is let in.
 * 3. In any t seconds at most `startsPerSecond · ({@link BURST_SECONDS} + t)` runs of a tenant are let in that begin now;
 *    while others start runs too and this one's wait in line already, no more than go on in their turn meanwhile.
 */
export interface TenantQuotas {
  open: number;
  perDay: number;
  /** Runs that may begin per second, in the long run. */
  startsPerSecond: number;
  /** Bytes of JSON of a run's input or an event's payload; no limit but the request's own when null. */
  payloadBytes: number | null;
  disabled: boolean;
}

const REMEMBER_MS = 5_000;
const CAPACITY = 10_000;

/** How many seconds' worth of starts may come at once. */
export const BURST_SECONDS = 10;

export interface AdmissionParts {
  db: Database;
  store: ExecutionStore;
  counts: OpenCounts;
  turns: Pick<FairLimit, 'isShared' | 'places' | 'waiting'>;
  /** The platform's own. */
  limits: { open: number; perDay: number; startsPerSecond: number; valueBytes: number };
  clock: () => Date;
}

export class Admission {
  readonly #parts: AdmissionParts;
  readonly #known = new Map<string, { quotas: TenantQuotas; until: number }>();

  readonly #starts: TokenBuckets;

  constructor(parts: AdmissionParts) {
    this.#parts = parts;
    this.#starts = new TokenBuckets(burstOf(parts.limits.startsPerSecond), parts.clock);
  }

  /**
   * Takes a place. `begins`: whether the run begins now, which is what the rate is about. Throws FORBIDDEN, RATE_LIMITED
   * with the time to wait, CONCURRENCY_LIMIT, DAILY_QUOTA_EXCEEDED.
   */
  async admit(tenantId: string, { begins = true }: { begins?: boolean } = {}): Promise<Place> {
    const { counts, store } = this.#parts;
    const quotas = await this.quotas(tenantId);
    if (quotas.disabled) {
      throw new PegasusError('FORBIDDEN', 'This tenant is disabled; ask the operator of the platform.');
    }
    if (!counts.knowsToday(tenantId)) {
      counts.seedToday(tenantId, await store.countSince(tenantId, counts.startOfDay));
    }
    const place = counts.take(tenantId, quotas);
    if (!begins) return place;
    const { perSecond, why } = this.#rate(tenantId, quotas);
    const waitSeconds = this.#starts.take(tenantId, burstOf(perSecond));
    if (waitSeconds === 0) return place;
    place.giveBack();
    throw new PegasusError(
      'RATE_LIMITED',
      `This tenant may start ${perSecond} runs a second in the long run${why}; try again in ${waitSeconds} s.`,
      { retryAfterSeconds: waitSeconds },
    );
  }

  /**
   * Throws PAYLOAD_TOO_LARGE when a payload is over the tenant's quota, or larger than the platform passes on whatever
   * it is compressed to. `what` begins the sentence.
   */
  async refuseIfTooLarge(tenantId: string, what: string, payload: unknown): Promise<void> {
    const quotas = await this.quotas(tenantId);
    const payloadBytes = Math.min(quotas.payloadBytes ?? Infinity, this.#parts.limits.valueBytes);
    const bytes = Buffer.byteLength(JSON.stringify(payload) ?? '');
    if (bytes <= payloadBytes) return;
    throw new PegasusError(
      'PAYLOAD_TOO_LARGE',
      `${what} has ${bytes} bytes of JSON; this tenant may send at most ${payloadBytes}.`,
    );
  }

  /** The tenant's quotas as they are, or were within the last {@link REMEMBER_MS}. */
  async quotas(tenantId: string): Promise<TenantQuotas> {
    const now = Date.now();
    const known = this.#known.get(tenantId);
    if (known && known.until > now) return known.quotas;
    const quotas = await this.#load(tenantId);
    this.#known.delete(tenantId);
    this.#known.set(tenantId, { quotas, until: now + REMEMBER_MS });
    if (this.#known.size > CAPACITY) this.#known.delete(this.#known.keys().next().value!);
    return quotas;
  }

  /** Invariant 3. */
  #rate(tenantId: string, { startsPerSecond }: TenantQuotas): { perSecond: number; why: string } {
    const { turns } = this.#parts;
    const hasLine = turns.isShared && turns.waiting(tenantId) > 0;
    const share = hasLine ? turns.places * STARTS_PER_PLACE : Infinity;
    if (share >= startsPerSecond) return { perSecond: startsPerSecond, why: '' };
    return { perSecond: share, why: ' while other tenants start runs too' };
  }

  async #load(tenantId: string): Promise<TenantQuotas> {
    const { db, limits } = this.#parts;
    const [tenant] = await db.tenant(tenantId, (tx) =>
      tx.select().from(tenants).where(eq(tenants.id, tenantId)),
    );
    return {
      open: tenant?.maxOpenExecutions ?? limits.open,
      perDay: tenant?.maxExecutionsPerDay ?? limits.perDay,
      startsPerSecond: tenant?.maxStartsPerSecond ?? limits.startsPerSecond,
      payloadBytes: tenant?.maxPayloadBytes ?? null,
      disabled: (tenant?.disabledAt ?? null) !== null,
    };
  }
}

function burstOf(perSecond: number) {
  return { perSecond, burst: perSecond * BURST_SECONDS };
}
