import { PegasusError } from '@pegasus-workflows/contracts';

/**
 * Job: how many executions each tenant has open, and has started today, without asking the database at every run.
 *
 * Boundary: numbers of this process. The reconciler corrects the open counts by the database's at every pass, so that
 * with several servers a tenant can exceed its limit by what the others started within one pass, and its daily quota
 * by what they started since this one first counted.
 *
 * Invariants
 * 1. In one process a tenant never gets past a limit, however many requests run at once: a place is taken before the
 *    first await, and a correction never forgets a place whose row may not have been there to be counted.
 * 2. A place that no row came of is given back.
 */
export interface Place {
  /** The row is committed. */
  keep(): void;
  /** No row came of it. */
  giveBack(): void;
}

interface Tally {
  open: number;
  /** Places taken whose row is not committed yet. */
  unsettled: number;
  /** Since the count in the database began: rows that may be missing in it, and closes it may not know. */
  added: number;
  removed: number;
}

export class OpenCounts {
  readonly #clock: () => Date;
  readonly #tallies = new Map<string, Tally>();
  readonly #today = new Map<string, number>();
  #day: number;

  constructor(clock: () => Date) {
    this.#clock = clock;
    this.#day = this.startOfDay.getTime();
  }

  /** Midnight UTC of today. */
  get startOfDay(): Date {
    const now = this.#clock();
    return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate()));
  }

  /** Whether the tenant's starts of today are known; when not, {@link OpenCounts.seedToday} them first. */
  knowsToday(tenantId: string): boolean {
    this.#turnDay();
    return this.#today.has(tenantId);
  }

  seedToday(tenantId: string, count: number): void {
    if (!this.knowsToday(tenantId)) this.#today.set(tenantId, count);
  }

  /** Takes a place, or throws CONCURRENCY_LIMIT or DAILY_QUOTA_EXCEEDED. */
  take(tenantId: string, limits: { open: number; perDay: number }): Place {
    this.#turnDay();
    const tally = this.#tally(tenantId);
    if (tally.open >= limits.open) {
      throw new PegasusError(
        'CONCURRENCY_LIMIT',
        `${tally.open} executions of this tenant are open, the limit is ${limits.open}; wait until some have finished, or cancel some`,
      );
    }
    const today = this.#today.get(tenantId) ?? 0;
    if (today >= limits.perDay) {
      throw new PegasusError(
        'DAILY_QUOTA_EXCEEDED',
        `this tenant has started ${today} executions today, the limit is ${limits.perDay}; counting begins anew at midnight UTC`,
      );
    }
    tally.open++;
    tally.unsettled++;
    tally.added++;
    this.#today.set(tenantId, today + 1);
    return {
      keep: () => void tally.unsettled--,
      giveBack: () => {
        tally.unsettled--;
        tally.open = Math.max(0, tally.open - 1);
        this.#today.set(tenantId, Math.max(0, (this.#today.get(tenantId) ?? 0) - 1));
      },
    };
  }

  /** A row became terminal. */
  closed(tenantId: string): void {
    const tally = this.#tally(tenantId);
    tally.open = Math.max(0, tally.open - 1);
    tally.removed++;
  }

  /** Open executions of all tenants. */
  get total(): number {
    let total = 0;
    for (const { open } of this.#tallies.values()) total += open;
    return total;
  }

  /** Call before counting in the database. */
  beginCount(): void {
    for (const tally of this.#tallies.values()) {
      tally.added = tally.unsettled;
      tally.removed = 0;
    }
  }

  /** Corrects the open counts by what the database held; what happened meanwhile bounds the correction. */
  endCount(counted: ReadonlyMap<string, number>): void {
    for (const tenantId of new Set([...this.#tallies.keys(), ...counted.keys()])) {
      const tally = this.#tally(tenantId);
      const count = counted.get(tenantId) ?? 0;
      tally.open = Math.min(Math.max(tally.open, count - tally.removed, 0), count + tally.added);
    }
  }

  #tally(tenantId: string): Tally {
    let tally = this.#tallies.get(tenantId);
    if (!tally) this.#tallies.set(tenantId, (tally = { open: 0, unsettled: 0, added: 0, removed: 0 }));
    return tally;
  }

  #turnDay(): void {
    const day = this.startOfDay.getTime();
    if (day === this.#day) return;
    this.#day = day;
    this.#today.clear();
  }
}
