import { failpoint, type Logger } from '@pegasus-workflows/kit';
import { currentActor } from '../infra/actor.js';
import { type Act, type AuditPort, type Refusal } from '../infra/context.js';
import { type Database } from '../infra/database.js';
import { errorForLog } from '../infra/error-log.js';
import { auditLog } from '../infra/schema.js';

/**
 * Job: the entries of the audit log that no trigger can write: acts that change no row, and attempts that were refused.
 *
 * Boundary: inserts into `audit_log`; changes of rows are written by the database itself (`pegasus_audit`), in the
 * transaction of the change. Ids, names of routes and addresses only: no path, no query, no body.
 *
 * Invariants
 * 1. An act is in the log before it is done: a crash in between leaves an entry too many, never one too few.
 * 2. A flood of refusals costs few rows and bounded memory: alike ones of {@link FOLD_MS} are one row with a count, and
 *    beyond {@link MAXIMUM_KNOWN} (of callers who are known) or {@link MAXIMUM_ANONYMOUS} different ones, one per
 *    tenant and code. Strangers cannot crowd out what is kept of those who are known.
 * 3. No refusal is dropped from the counts, except by a crash: a failed write is repeated, and `close` writes the rest.
 * 4. No request waits for the writing of a refusal.
 */
const FOLD_MS = 10_000;
const MAXIMUM_KNOWN = 1_000;
const MAXIMUM_ANONYMOUS = 200;
const BATCH = 500;

export interface AuditLogParts {
  db: Database;
  logger: Logger;
  clock: () => Date;
  foldMs?: number;
}

interface Pending {
  refusal: Refusal;
  /** Of the first of them. */
  at: Date;
  count: number;
}

export class AuditLog implements AuditPort {
  readonly #parts: AuditLogParts;
  #pending = new Map<string, Pending>();
  #anonymous = 0;
  #writing: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: AuditLogParts) {
    this.#parts = parts;
  }

  async recordAct({ tenantId, operation, objectKind, objectId }: Act): Promise<void> {
    const { kind: actorKind = 'SYSTEM' as const, ...actor } = currentActor() ?? {};
    await this.#parts.db.tenant(tenantId, (tx) =>
      tx.insert(auditLog).values({
        ...actor,
        tenantId,
        at: this.#parts.clock(),
        outcome: 'ASKED',
        actorKind,
        operation,
        objectKind,
        objectId,
      }),
    );
    failpoint('audit.asked');
  }

  refused(refusal: Refusal): void {
    this.#fold({ refusal, at: this.#parts.clock(), count: 1 });
  }

  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing = this.#writing.then(() => this.#write());
    return this.#writing;
  }

  /** Writes the last of it; call before the database is closed. */
  close(): Promise<void> {
    return this.flush();
  }

  #fold(entry: Pending): void {
    const { refusal } = entry;
    const key = keyOf(refusal);
    const alike = this.#pending.get(key);
    if (alike) {
      alike.count += entry.count;
      return;
    }
    const isAnonymous = refusal.actorKind === 'ANONYMOUS';
    const isFull = isAnonymous
      ? this.#anonymous >= MAXIMUM_ANONYMOUS
      : this.#pending.size - this.#anonymous >= MAXIMUM_KNOWN;
    if (isFull && !isSummary(refusal)) {
      this.#fold({ ...entry, refusal: summaryOf(refusal) });
      return;
    }
    if (isAnonymous) this.#anonymous++;
    this.#pending.set(key, { ...entry });
    this.#timer ??= setTimeout(() => void this.flush(), this.#parts.foldMs ?? FOLD_MS).unref();
  }

  async #write(): Promise<void> {
    const entries = [...this.#pending.values()];
    this.#pending = new Map();
    this.#anonymous = 0;
    while (entries.length > 0) {
      const rows = entries
        .slice(0, BATCH)
        .map(
          ({ refusal, at, count }) =>
            ({ ...refusal, at, count, outcome: 'REFUSED', operation: 'CALL' }) as const,
        );
      try {
        await this.#parts.db.system((tx) => tx.insert(auditLog).values(rows));
      } catch (error) {
        this.#parts.logger.warn(
          { error: errorForLog(error) },
          'refusals could not be written; it is repeated',
        );
        for (const entry of entries) this.#fold(entry);
        return;
      }
      entries.splice(0, BATCH);
    }
  }
}

/** What makes refusals alike. A stranger is told from another by the address only. */
function keyOf({ tenantId, principalId, keyId, executionId, method, route, code, ip }: Refusal): string {
  return JSON.stringify([tenantId, principalId ?? ip, keyId, executionId, method, route, code]);
}

/** Stands for refusals that are too many to be told apart. */
function summaryOf({ tenantId, actorKind, code, correlationId }: Refusal): Refusal {
  return {
    tenantId,
    actorKind,
    code,
    correlationId,
    principalId: null,
    keyId: null,
    executionId: null,
    action: null,
    method: null,
    route: null,
    ip: null,
  };
}

function isSummary({ method }: Refusal): boolean {
  return method === null;
}
