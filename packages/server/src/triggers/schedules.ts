import { failpoint, type Logger } from '@pegasus-workflows/kit';
import { eq } from 'drizzle-orm';
import { type Database } from '../infra/database.js';
import { errorForLog } from '../infra/error-log.js';
import { periodic, type Stoppable } from '../infra/periodic.js';
import { forEachLimited } from '../infra/pool.js';
import { type SchedulePort, type WantedSchedule } from '../infra/schedule-port.js';
import { triggers } from '../infra/schema.js';
import { platformId } from './platform-id.js';
import { type TriggerRow } from './row.js';

/**
 * Job: for each trigger of kind SCHEDULE, one schedule in Temporal that fires at its times; for nothing else, none.
 *
 * Boundary: the rows are the truth. Whoever changes one calls {@link Schedules.changed} after the commit; what a crash,
 * an outage or another server leaves wrong is mended by the passes. Ticks are taken in `ticks.ts`.
 *
 * Invariants
 * 1. After a pass with Temporal at hand, every schedule of this platform is as its row wants it, and has a row.
 * 2. Of two servers that mend one schedule at once, the one with the newer row wins: whoever has written a schedule
 *    reads the row again, and writes until the two agree.
 * 3. A schedule of another platform in the same namespace is neither read nor changed.
 */
export interface SchedulesParts {
  db: Database;
  port: SchedulePort;
  logger: Logger;
  catchUpSeconds: number;
  intervalMs: number;
  /** When a schedule fires. Tests fire faster than cron can. */
  specOf: (cron: string) => WantedSchedule['spec'];
}

type ScheduledTrigger = Pick<TriggerRow, 'id' | 'tenantId' | 'enabled'> & { cron: string };

const WIDTH = 8;
const PREFIX = 'trigger/';

export class Schedules {
  readonly #parts: SchedulesParts;
  readonly #underWay = new Set<Promise<void>>();
  #platform: Promise<string> | undefined;
  #running = false;

  constructor(parts: SchedulesParts) {
    this.#parts = parts;
  }

  /** The first pass begins at once. */
  start(): Stoppable {
    this.#running = true;
    const { intervalMs, logger } = this.#parts;
    const passes = periodic('schedules', intervalMs, (signal) => this.pass(signal), logger);
    return {
      stop: async () => {
        this.#running = false;
        await passes.stop();
        await Promise.all(this.#underWay);
      },
    };
  }

  /** Task queue of this platform's ticks. */
  async tickQueue(): Promise<string> {
    return `pegasus/ticks/${await this.#owner()}`;
  }

  /** A trigger's row was changed or removed, and that is committed. Does not wait for Temporal. */
  changed(tenantId: string, triggerId: string): void {
    if (!this.#running) return;
    const work = this.#mend(tenantId, triggerId)
      .catch((error: unknown) => {
        const what = 'a schedule could not be brought up to date; the next pass tries again';
        this.#parts.logger.warn({ error: errorForLog(error), triggerId }, what);
      })
      .finally(() => this.#underWay.delete(work));
    this.#underWay.add(work);
  }

  /** Invariant 1. Rejects when Temporal or the database does not answer. */
  async pass(signal: AbortSignal = new AbortController().signal): Promise<void> {
    const { db, port } = this.#parts;
    const found = new Map<string, { notes: string; paused: boolean }>();
    for await (const { scheduleId, ...state } of port.list(await this.#owner())) found.set(scheduleId, state);
    // After the schedules: a schedule that was made meanwhile has its row among these.
    const rows = await db.system((tx) =>
      tx.select(COLUMNS).from(triggers).where(eq(triggers.kind, 'SCHEDULE')),
    );
    const stale: { tenantId: string; id: string }[] = [];
    for (const row of rows) {
      const scheduleId = scheduleIdOf(row.tenantId, row.id);
      const state = found.get(scheduleId);
      found.delete(scheduleId);
      if (!state || state.notes !== this.#notesOf(row.cron ?? '') || state.paused === row.enabled)
        stale.push(row);
    }
    for (const scheduleId of found.keys()) {
      const orphan = parseScheduleId(scheduleId);
      if (orphan) stale.push(orphan);
    }
    await forEachLimited(stale, WIDTH, async ({ tenantId, id }) => {
      if (!signal.aborted) await this.#mend(tenantId, id);
    });
  }

  /** Invariant 2. */
  async #mend(tenantId: string, id: string): Promise<void> {
    const { port } = this.#parts;
    for (let row = await this.#row(tenantId, id); ;) {
      failpoint('schedule.before-write');
      if (row) await port.put(await this.#wanted(row));
      else await port.delete(scheduleIdOf(tenantId, id));
      failpoint('schedule.after-write');
      const again = await this.#row(tenantId, id);
      if (again?.cron === row?.cron && again?.enabled === row?.enabled) return;
      row = again;
    }
  }

  async #row(tenantId: string, id: string): Promise<ScheduledTrigger | undefined> {
    const [row] = await this.#parts.db.tenant(tenantId, (tx) =>
      tx.select(COLUMNS).from(triggers).where(eq(triggers.id, id)),
    );
    return row?.cron ? { ...row, cron: row.cron } : undefined;
  }

  async #wanted({ id, tenantId, cron, enabled }: ScheduledTrigger): Promise<WantedSchedule> {
    const { catchUpSeconds, specOf } = this.#parts;
    return {
      scheduleId: scheduleIdOf(tenantId, id),
      owner: await this.#owner(),
      spec: specOf(cron),
      paused: !enabled,
      notes: this.#notesOf(cron),
      catchUpSeconds,
      tick: {
        workflowId: `tick/${tenantId}/${id}`,
        queue: await this.tickQueue(),
        argument: { tenantId, triggerId: id, cron },
      },
    };
  }

  #notesOf(cron: string): string {
    return `${cron} UTC, at most ${this.#parts.catchUpSeconds} s late`;
  }

  #owner(): Promise<string> {
    this.#platform ??= platformId(this.#parts.db).catch((error: unknown) => {
      this.#platform = undefined;
      throw error;
    });
    return this.#platform;
  }
}

const COLUMNS = {
  id: triggers.id,
  tenantId: triggers.tenantId,
  cron: triggers.cronExpression,
  enabled: triggers.enabled,
};

function scheduleIdOf(tenantId: string, triggerId: string): string {
  return `${PREFIX}${tenantId}/${triggerId}`;
}

function parseScheduleId(scheduleId: string): { tenantId: string; id: string } | undefined {
  const match = /^trigger\/([0-9a-f-]{36})\/([0-9a-f-]{36})$/.exec(scheduleId);
  return match ? { tenantId: match[1]!, id: match[2]! } : undefined;
}
