import {
  PegasusError,
  type CrashCause,
  type Quarantine,
  type QuarantineReport,
  type RunnerLogEntry,
} from '@pegasus-workflows/contracts';
import { failpoint } from '@pegasus-workflows/kit';
import { and, asc, eq, isNotNull } from 'drizzle-orm';
import { type WorkflowCache } from '../executions/workflow-cache.js';
import { type Principal } from '../infra/context.js';
import { type Database, type Tx } from '../infra/database.js';
import { workflows } from '../infra/schema.js';
import { type DemandSet } from '../internal/demand.js';
import { append } from '../logs/store.js';
import { requireVisible, type WorkflowRow } from './store.js';

/**
 * Job: stops versions whose workers crash again and again, says why, and lets them run again when their author says so.
 *
 * Boundary: a runner finds the crash loop; here it is stored with the tenant's versions of that artifact. Starts are
 * refused by `executions/runnable.ts`; runs that are open stay open, without a worker, and go on after a release.
 *
 * Invariants
 * 1. A report takes effect at most once: sent again it changes nothing, even after a release.
 * 2. The quarantine and its entry in the version's log are one transaction, and so are the release and its entry.
 * 3. Demand follows after the commit, here at once; after a crash in between, and in other servers, by the
 *    reconciler's next pass, which reads what is in force.
 */
export interface QuarantineParts {
  db: Database;
  clock: () => Date;
  demand: Pick<DemandSet, 'suspend' | 'resume'>;
  workflowCache: Pick<WorkflowCache, 'forget'>;
}

const SENTENCES: Record<CrashCause, (end: string) => string> = {
  CRASHED: (end) => `Its worker crashed${end}`,
  OUT_OF_MEMORY: (end) => `Its worker ran out of memory${end}`,
  UNRESPONSIVE: () => 'Its worker stopped answering, as in an endless loop, and was ended',
  FLOODED: () => 'Its worker flooded the platform with calls and was ended',
  NOT_LOADABLE: () => 'It could not be loaded; the log of the workflow says why',
};

export class Quarantines {
  readonly #parts: QuarantineParts;

  constructor(parts: QuarantineParts) {
    this.#parts = parts;
  }

  /** Stores a runner's report; what is in force already stays as it is. */
  async take(report: QuarantineReport): Promise<void> {
    const { db, clock, demand, workflowCache } = this.#parts;
    const { tenantId, artifactSha256, reportId } = report;
    const now = clock();
    const quarantine = quarantineOf(report, now);
    const rows = await db.tenant(tenantId, async (tx) => {
      const all = await lockArtifactsVersions(tx, tenantId, artifactSha256);
      const fresh = all.filter((row) => !row.quarantinedAt && row.quarantine?.reportId !== reportId);
      for (const { id } of fresh) {
        await tx
          .update(workflows)
          .set({ quarantinedAt: now, quarantine: { ...quarantine, reportId }, updatedAt: now })
          .where(eq(workflows.id, id));
        await say(
          tx,
          tenantId,
          id,
          now,
          'error',
          `Quarantined: ${quarantine.reason} It starts nothing until it is released.`,
        );
      }
      return all.map((row) => ({
        ...row,
        inForce: row.quarantinedAt !== null || fresh.some(({ id }) => id === row.id),
      }));
    });
    failpoint('quarantine.after-commit');
    for (const { id } of rows) workflowCache.forget(id);
    if (rows.some(({ inForce }) => inForce)) demand.suspend(tenantId, artifactSha256);
  }

  /**
   * Lets the artifact of a version run again; one that is not quarantined stays as it is. Throws NOT_FOUND, and FORBIDDEN
   * for the platform's own.
   */
  async release({ tenantId }: Pick<Principal, 'tenantId'>, workflowId: string): Promise<WorkflowRow> {
    const { db, clock, demand, workflowCache } = this.#parts;
    const now = clock();
    const { released, row } = await db.tenant(tenantId, async (tx) => {
      const seen = await requireVisible(tx, tenantId, workflowId);
      if (seen.tenantId !== tenantId)
        throw new PegasusError(
          'FORBIDDEN',
          'This workflow is shared by the platform; only its operator releases it.',
        );
      const all = await lockArtifactsVersions(tx, tenantId, seen.artifactSha256);
      const held = all.filter(({ quarantinedAt }) => quarantinedAt !== null);
      for (const { id } of held) {
        await tx.update(workflows).set({ quarantinedAt: null, updatedAt: now }).where(eq(workflows.id, id));
        await say(tx, tenantId, id, now, 'info', 'Released from quarantine.');
      }
      return { released: held, row: await requireVisible(tx, tenantId, workflowId) };
    });
    failpoint('quarantine.released');
    for (const { id } of released) workflowCache.forget(id);
    demand.resume(tenantId, row.artifactSha256);
    return row;
  }
}

/** The artifacts that are quarantined now, of all tenants; call it in a system transaction. */
export function quarantinedArtifacts(tx: Tx): Promise<{ tenantId: string; artifactSha256: string }[]> {
  return tx
    .selectDistinct({ tenantId: workflows.tenantId, artifactSha256: workflows.artifactSha256 })
    .from(workflows)
    .where(isNotNull(workflows.quarantinedAt));
}

/** In one order, so that two that lock the same ones wait for each other and not in a circle. */
function lockArtifactsVersions(tx: Tx, tenantId: string, sha256: string) {
  return tx
    .select({ id: workflows.id, quarantinedAt: workflows.quarantinedAt, quarantine: workflows.quarantine })
    .from(workflows)
    .where(and(eq(workflows.tenantId, tenantId), eq(workflows.artifactSha256, sha256)))
    .orderBy(asc(workflows.id))
    .for('update');
}

function quarantineOf(report: QuarantineReport, at: Date): Quarantine {
  const { cause, crashes, windowSeconds, exitCode, signal } = report;
  const end = signal ? ` (${signal})` : exitCode === null ? '' : ` (exit code ${exitCode})`;
  const minutes = windowSeconds / 60;
  const window = Number.isInteger(minutes) ? `${minutes} minutes` : `${windowSeconds} seconds`;
  return {
    code: cause,
    reason: `${SENTENCES[cause](end)}, the last of ${crashes} failures within ${window}.`,
    crashes,
    windowSeconds,
    exitCode,
    signal,
    at: at.toISOString(),
  };
}

/** An entry of the platform's in the log of a version. */
async function say(
  tx: Tx,
  tenantId: string,
  workflowId: string,
  now: Date,
  level: RunnerLogEntry['level'],
  message: string,
): Promise<void> {
  const entry: RunnerLogEntry = { workflowId, at: now.getTime(), level, message, source: 'platform' };
  await append(tx, { tenantId, streamId: workflowId, executionId: null }, [entry], now);
}
