import { createHash } from 'node:crypto';
import {
  fillPath,
  PegasusError,
  type Delivered,
  type ExternalAnswer,
  type Outbound,
} from '@pegasus-workflows/contracts';
import { valueAtField } from '@pegasus-workflows/integrations';
import { failpoint, type Logger } from '@pegasus-workflows/kit';
import { and, eq, isNull, lt } from 'drizzle-orm';
import { type ExternalCaller } from '../external/caller.js';
import { type CallBody } from '../external/request.js';
import { type Principal, type Services } from '../infra/context.js';
import { type Tx } from '../infra/database.js';
import { periodic, type Stoppable } from '../infra/periodic.js';
import { integrationDeliveries } from '../infra/schema.js';
import { type IntegrationRuntime } from './runtime.js';

/**
 * Job: delivers canonical records to outside systems, each once.
 *
 * Boundary: rows of `integration_deliveries`; the call itself is `ExternalCaller`'s. A crash leaves a claim that ends by
 * itself; whoever wants the delivery asks again, as activities do.
 *
 * Invariants
 * 1. What was taken is never sent again: a delivery that is asked for anew is answered with what was answered then.
 * 2. What may or may not have arrived is sent again under the same `Idempotency-Key`, which is the id of the row.
 * 3. One delivery is under way once at a time: others that ask for it are told to come again.
 * 4. A record that breaks a rule is not sent. One that the outside system refuses for good leaves nothing behind, so
 *    that it may be mended and sent.
 * 5. One key is one request: the same key with another record is IDEMPOTENCY_KEY_REUSED.
 */
type DeliveryRow = typeof integrationDeliveries.$inferSelect;

/** Longer than a call with all of its attempts takes. */
const CLAIM_MS = 150_000;
/** How long it is known what was delivered. */
const KEEP_DAYS = 30;
const SWEEP_MS = 3_600_000;
/** Larger answers are not kept. */
const ANSWER_CHARACTERS = 16 * 1024;
/** Statuses of a refusal that passes. */
const PASSING = new Set([408, 425, 429]);

const table = integrationDeliveries;

export interface DeliveryParts {
  services: Services;
  runtime: IntegrationRuntime;
  caller: Pick<ExternalCaller, 'call' | 'prepare'>;
}

export interface DeliveryRequest {
  data: unknown;
  action?: 'save' | 'cancel' | 'status-change' | undefined;
  dedupKey?: string | undefined;
}

interface Prepared {
  mapped: Pick<Delivered, 'external' | 'valid' | 'issues' | 'degraded'>;
  connection: string;
  call: CallBody;
  dedupKey: string;
  requestSha256: string;
}

export class Deliveries {
  readonly #parts: DeliveryParts;

  constructor(parts: DeliveryParts) {
    this.#parts = parts;
  }

  /**
   * Throws NOT_FOUND, VALIDATION_ERROR, IDEMPOTENCY_KEY_REUSED, RATE_LIMITED while another one is under way, and what
   * the call throws; UPSTREAM_ERROR also for an answer that says to come again.
   */
  async deliver(principal: Principal, integrationId: string, request: DeliveryRequest): Promise<Delivered> {
    const prepared = await this.#prepare(principal, integrationId, request);
    const { mapped } = prepared;
    if (!mapped.valid) return notSent(mapped);
    const row = await this.#claim(principal.tenantId, integrationId, prepared);
    failpoint('delivery.claimed');
    if (row.deliveredAt) {
      return {
        ...mapped,
        delivered: true,
        alreadyDelivered: true,
        status: row.status,
        answer: row.answer ?? null,
      };
    }
    try {
      const answer = await this.#parts.caller.call(principal, prepared.connection, {
        ...prepared.call,
        idempotencyKey: row.id,
      });
      failpoint('delivery.answered');
      return await this.#settle(row, mapped, answer);
    } catch (error) {
      await this.#release(row);
      throw error;
    }
  }

  /** What {@link deliver} would send; nothing is sent or kept. Throws what it would, as far as that can be told. */
  async preview(principal: Principal, integrationId: string, request: DeliveryRequest): Promise<Delivered> {
    const { mapped, connection, call } = await this.#prepare(principal, integrationId, request);
    if (!mapped.valid) return notSent(mapped);
    await this.#parts.caller.prepare(principal, connection, call);
    return { ...mapped, delivered: true, alreadyDelivered: false, status: null, answer: null };
  }

  /** Forgets what was delivered long ago, and what nobody has asked for since as long. */
  startSweeping(logger: Logger): Stoppable {
    const { db, clock } = this.#parts.services;
    const sweep = async (): Promise<void> => {
      const before = new Date(clock().getTime() - KEEP_DAYS * 86_400_000);
      await db.system((tx) => tx.delete(table).where(lt(table.updatedAt, before)));
    };
    return periodic('sweep of deliveries', SWEEP_MS, sweep, logger);
  }

  async #prepare(
    { tenantId }: Principal,
    integrationId: string,
    { data, action, dedupKey }: DeliveryRequest,
  ): Promise<Prepared> {
    const { config, integration } = await this.#parts.runtime.require(tenantId, integrationId);
    const { outbound } = config;
    if (!outbound) {
      throw new PegasusError(
        'VALIDATION_ERROR',
        `The configuration of ${integrationId} says nothing of deliveries.`,
        {
          hint: 'Publish it with outbound: a connection and a path.',
        },
      );
    }
    const mapped = { ...integration.mapTo(data, action), degraded: false };
    const path = mapped.valid ? pathOf(outbound, data) : '/';
    const call: CallBody = {
      method: outbound.method,
      path,
      bodyEncoding: 'json',
      maxAttempts: 3,
      ...(outbound.method === 'DELETE' ? {} : { body: mapped.external }),
    };
    const requestSha256 = sha256([outbound.connection, outbound.method, path, mapped.external]);
    const own = outbound.once
      ? sha256(outbound.once.map((field) => valueAtField(data, field) ?? null))
      : requestSha256;
    return { mapped, connection: outbound.connection, call, dedupKey: dedupKey ?? own, requestSha256 };
  }

  /** Invariants 1, 3 and 5. */
  async #claim(
    tenantId: string,
    integrationId: string,
    { dedupKey, requestSha256 }: Prepared,
  ): Promise<DeliveryRow> {
    const { db, clock } = this.#parts.services;
    const now = clock();
    const claimedUntil = new Date(now.getTime() + CLAIM_MS);
    return db.tenant(tenantId, async (tx) => {
      const fresh = {
        tenantId,
        integrationId,
        dedupKey,
        requestSha256,
        claimedUntil,
        createdAt: now,
        updatedAt: now,
      };
      const [inserted] = await tx.insert(table).values(fresh).onConflictDoNothing().returning();
      if (inserted) return inserted;
      const present = await lockDelivery(tx, tenantId, integrationId, dedupKey);
      if (present.requestSha256 !== requestSha256) {
        throw new PegasusError(
          'IDEMPOTENCY_KEY_REUSED',
          'Something else was delivered, or is being delivered, under what tells this delivery from others; use another dedupKey.',
        );
      }
      if (present.deliveredAt) return present;
      if (present.claimedUntil && present.claimedUntil > now) {
        throw new PegasusError('RATE_LIMITED', 'This delivery is under way; ask again when it has ended.', {
          retryAfterSeconds: 2,
        });
      }
      const [claimed] = await tx
        .update(table)
        .set({ claimedUntil, updatedAt: now })
        .where(eq(table.id, present.id))
        .returning();
      return claimed!;
    });
  }

  async #settle(row: DeliveryRow, mapped: Prepared['mapped'], answer: ExternalAnswer): Promise<Delivered> {
    const { status } = answer;
    const body = keptOf(answer);
    if (status >= 200 && status < 300) {
      const now = this.#parts.services.clock();
      await this.#inTenant(row, (tx) =>
        tx
          .update(table)
          .set({ deliveredAt: now, claimedUntil: null, status, answer: body, updatedAt: now })
          .where(eq(table.id, row.id)),
      );
      return { ...mapped, delivered: true, alreadyDelivered: false, status, answer: body };
    }
    if (status >= 500 || PASSING.has(status)) {
      throw new PegasusError('UPSTREAM_ERROR', `The outside system answered ${status}; ask again later.`);
    }
    // Invariant 4.
    await this.#inTenant(row, (tx) => tx.delete(table).where(eq(table.id, row.id)));
    return { ...mapped, delivered: false, alreadyDelivered: false, status, answer: body };
  }

  /** Whoever asks next need not wait for the claim to end. */
  async #release(row: DeliveryRow): Promise<void> {
    await this.#inTenant(row, (tx) =>
      tx
        .update(table)
        .set({ claimedUntil: null })
        .where(and(eq(table.id, row.id), isNull(table.deliveredAt))),
    );
  }

  #inTenant({ tenantId }: DeliveryRow, work: (tx: Tx) => Promise<unknown>): Promise<unknown> {
    return this.#parts.services.db.tenant(tenantId, work);
  }
}

async function lockDelivery(
  tx: Tx,
  tenantId: string,
  integrationId: string,
  dedupKey: string,
): Promise<DeliveryRow> {
  const [row] = await tx
    .select()
    .from(table)
    .where(
      and(eq(table.tenantId, tenantId), eq(table.integrationId, integrationId), eq(table.dedupKey, dedupKey)),
    )
    .for('update');
  if (row) return row;
  // The one that was in the way was refused, or forgotten, at this very moment.
  throw new PegasusError('RATE_LIMITED', 'This delivery has just ended; ask again.', {
    retryAfterSeconds: 1,
  });
}

function notSent(mapped: Prepared['mapped']): Delivered {
  return { ...mapped, delivered: false, alreadyDelivered: false, status: null, answer: null };
}

/** Throws VALIDATION_ERROR for a field that has no value, or none that can be in a path. */
function pathOf({ path }: Outbound, data: unknown): string {
  return fillPath(path, (field) => {
    const value = valueAtField(data, field);
    if (['string', 'number', 'boolean'].includes(typeof value) && value !== '')
      return encodeURIComponent(String(value));
    throw new PegasusError(
      'VALIDATION_ERROR',
      `data: ${field} has no value, and the path of the delivery needs it.`,
    );
  });
}

function keptOf({ body }: ExternalAnswer): unknown {
  return JSON.stringify(body ?? null).length <= ANSWER_CHARACTERS ? (body ?? null) : null;
}

function sha256(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}
