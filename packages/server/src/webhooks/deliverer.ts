import { failpoint, type Logger } from '@pegasus-workflows/kit';
import { eq } from 'drizzle-orm';
import { type Services } from '../infra/context.js';
import { type Tx } from '../infra/database.js';
import {
  DeadLetterError,
  NotNowError,
  OutboxWorker,
  RetryLaterError,
  type OutboxItem,
} from '../infra/outbox.js';
import { type Stoppable } from '../infra/periodic.js';
import { executions, webhookDeliveries, webhooks, workflows } from '../infra/schema.js';
import { Circuits } from './circuits.js';
import { messageOf } from './message.js';
import { type WebhookMetrics } from './metrics.js';
import { ATTEMPT_MS, sendMessage, type Attempt } from './send.js';
import { signingSecrets } from './secrets.js';

/**
 * Job: tells every outcome, and every message about a dispatch, to every webhook that wants it.
 *
 * Boundary: deliveries and their outbox items are written by the trigger of migration 0008, or by `tell.ts`, in the
 * transaction that writes what they tell of; this module calls the receivers and records what they said.
 *
 * Invariants
 * 1. An outcome is delivered at least once, or ends as DEAD with the reason: after {@link RETRY_SECONDS} have passed, or
 *    when the receiver says 410 Gone.
 * 2. Every attempt has the delivery's id as `webhook-id` and the same body: a crash between the receiver's answer and
 *    our record of it repeats a message that the receiver can tell to be a repeat.
 * 3. 410 disables the webhook, in the transaction that records it.
 * 4. A receiver that does not answer takes at most one attempt's time from the others; see `circuits.ts`.
 */

/** Between one attempt and the next: about a day in all. */
const RETRY_SECONDS = [5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800, 28_800] as const;
/** A receiver that asks for more than that is asked again then. */
const RETRY_AFTER_MAX_MS = 3_600_000;
/** Attempts under way at once: those that wait for a time-out leave room for others. */
const WIDTH = 50;
const GONE = 410;

interface Delivery {
  delivery: typeof webhookDeliveries.$inferSelect;
  webhook: typeof webhooks.$inferSelect;
  body: string;
}

export class Deliverer {
  readonly #services: Services;
  readonly #logger: Logger;
  readonly #metrics: WebhookMetrics;
  readonly #circuits: Circuits;
  readonly #worker: OutboxWorker;

  constructor(services: Services, metrics: WebhookMetrics) {
    const { db, logger, clock } = services;
    this.#services = services;
    this.#logger = logger;
    this.#metrics = metrics;
    this.#circuits = new Circuits(clock);
    this.#worker = new OutboxWorker({
      db,
      logger,
      clock,
      topic: 'WEBHOOK',
      handle: (item, finish) => this.#deliver(item, finish),
      onDead: (tx, item, reason) => this.#died(tx, item, reason),
      maximumAttempts: RETRY_SECONDS.length + 1,
      retryAfterMs: retryDelayMs,
      width: WIDTH,
      leaseMs: 3 * ATTEMPT_MS,
      metrics: services.metrics,
    });
  }

  start(): Stoppable {
    return this.#worker.start();
  }

  /** There is something to deliver: call after the commit. */
  kick(): void {
    this.#worker.kick();
  }

  async #deliver(item: OutboxItem, finish: (tx: Tx) => Promise<void>): Promise<void> {
    const { db } = this.#services;
    const found = await db.system((tx) => findDelivery(tx, item.refId));
    // Its webhook was deleted and took it along, or there is nothing any more that it tells of.
    if (!found) return db.system(finish);
    const { webhook } = found;
    if (!webhook.enabled) throw new DeadLetterError('The webhook is disabled.');
    const wait = this.#circuits.wait(webhook.id);
    if (wait > 0) {
      throw new NotNowError('The receiver has not been answering.', wait);
    }
    const attempt = await this.#attempt(found);
    failpoint('webhook.sent');
    this.#metrics.attempts.inc({ result: resultOf(attempt) });
    await db.system(async (tx) => {
      await record(tx, item, attempt, this.#services.clock());
      if (attempt.responseStatus === GONE) await disable(tx, webhook.id, this.#services.clock());
      if (attempt.delivered || attempt.responseStatus === GONE) await finish(tx);
    });
    if (attempt.responseStatus === GONE) {
      this.#logger.info({ webhookId: webhook.id }, 'a webhook is gone and has been disabled');
    } else if (!attempt.delivered) {
      const asked = Math.min(attempt.retryAfterMs ?? 0, RETRY_AFTER_MAX_MS);
      throw new RetryLaterError(attempt.error ?? 'It was not delivered.', asked);
    }
  }

  async #attempt({ delivery, webhook, body }: Delivery): Promise<Attempt> {
    const { vault, clock, settings } = this.#services;
    let attempt: Attempt | undefined;
    try {
      const message = { id: delivery.id, at: clock(), body };
      const secrets = await signingSecrets(vault, webhook, message.at);
      attempt = await sendMessage(webhook.url, message, secrets, settings.egress);
      return attempt;
    } finally {
      // Also when no attempt could be made: nobody else may wait for its answer.
      this.#circuits.settle(webhook.id, (attempt?.responseStatus ?? null) !== null);
    }
  }

  async #died(tx: Tx, item: OutboxItem, reason: string): Promise<void> {
    this.#metrics.dead.inc();
    await tx
      .update(webhookDeliveries)
      .set({ status: 'DEAD', lastError: reason, attempts: item.attempt, updatedAt: this.#services.clock() })
      .where(eq(webhookDeliveries.id, item.refId));
  }
}

async function findDelivery(tx: Tx, id: string): Promise<Delivery | undefined> {
  const [found] = await tx
    .select({
      delivery: webhookDeliveries,
      webhook: webhooks,
      execution: executions,
      workflow: { name: workflows.name, version: workflows.version },
    })
    .from(webhookDeliveries)
    .innerJoin(webhooks, eq(webhooks.id, webhookDeliveries.webhookId))
    .leftJoin(executions, eq(executions.id, webhookDeliveries.executionId))
    .leftJoin(workflows, eq(workflows.id, executions.workflowId))
    .where(eq(webhookDeliveries.id, id));
  if (!found) return undefined;
  const { delivery, webhook, execution, workflow } = found;
  if (delivery.body !== null) return { delivery, webhook, body: delivery.body };
  return execution && workflow ? { delivery, webhook, body: messageOf(execution, workflow) } : undefined;
}

async function record(tx: Tx, item: OutboxItem, attempt: Attempt, now: Date): Promise<void> {
  const { delivered, responseStatus, error } = attempt;
  await tx
    .update(webhookDeliveries)
    .set({
      attempts: item.attempt,
      responseStatus,
      lastError: error,
      updatedAt: now,
      ...(delivered ? { status: 'DELIVERED', deliveredAt: now } : {}),
      ...(responseStatus === GONE ? { status: 'DEAD' } : {}),
    })
    .where(eq(webhookDeliveries.id, item.refId));
}

async function disable(tx: Tx, webhookId: string, now: Date): Promise<void> {
  await tx
    .update(webhooks)
    .set({ enabled: false, disabledReason: 'The receiver answered 410 Gone.', updatedAt: now })
    .where(eq(webhooks.id, webhookId));
}

function resultOf({ delivered, responseStatus }: Attempt): string {
  if (delivered) return 'delivered';
  return responseStatus === null ? 'no answer' : 'refused';
}

/** Spread by a tenth either way, so that what failed together does not return together. */
export function retryDelayMs(attempts: number): number {
  const seconds = RETRY_SECONDS[Math.min(attempts, RETRY_SECONDS.length) - 1] ?? RETRY_SECONDS[0];
  return Math.round(seconds * 1_000 * (0.9 + Math.random() * 0.2));
}
