import { randomUUID } from 'node:crypto';
import {
  type createWebhookRequestSchema,
  type deliveriesQuerySchema,
  PegasusError,
  type rotateWebhookSecretRequestSchema,
  type updateWebhookRequestSchema,
  type Webhook,
  type WebhookDelivery,
  type WebhookTest,
  type WebhookWithSecret,
} from '@pegasus-workflows/contracts';
import { type z } from 'zod';
import { type Principal, type Services } from '../infra/context.js';
import { type Tx } from '../infra/database.js';
import { webhooks } from '../infra/schema.js';
import { checkDestination } from '../infra/destination.js';
import { testMessage } from './message.js';
import { placeOf, signingSecrets } from './secrets.js';
import { sendMessage } from './send.js';
import { newSigningSecret } from './sign.js';
import {
  dropItems,
  enqueueAgain,
  findDelivery,
  findWebhook,
  listDeliveries,
  listWebhooks,
  lockWebhook,
  oneWebhook,
  toDelivery,
  toWebhook,
  type WebhookRow,
} from './store.js';

/**
 * Job: what a tenant says of its webhooks, and what became of their deliveries.
 *
 * Boundary: rows of `webhooks`, each change one transaction, written down by the audit trigger; asking for a delivery
 * again is one transaction with its outbox item. Delivering is `deliverer.ts`.
 *
 * Invariants
 * 1. A secret is answered once, by the call that made it.
 * 2. After a rotation deliveries carry a signature by each secret until the overlap ends.
 * 3. At most {@link WEBHOOKS_MAX} webhooks of a tenant: each outcome is written once for each of them.
 */
const WEBHOOKS_MAX = 50;

type Request<T extends z.ZodType> = z.output<T>;

export class WebhookService {
  readonly #services: Services;
  readonly #onEnqueued: () => void;

  /** @param onEnqueued called after the commit of what is to be delivered */
  constructor(services: Services, onEnqueued: () => void) {
    this.#services = services;
    this.#onEnqueued = onEnqueued;
  }

  async create(
    { tenantId, principalId }: Principal,
    request: Request<typeof createWebhookRequestSchema>,
  ): Promise<WebhookWithSecret> {
    const { vault, settings, clock } = this.#services;
    refuseUnlessTold(request);
    await checkDestination(request.url, settings.egress);
    const id = randomUUID();
    const secret = newSigningSecret();
    const { sealed, masterKeyId } = await vault.seal(placeOf({ tenantId, id }), secret);
    const row = await this.#inTenant(tenantId, async (tx) => {
      if ((await listWebhooks(tx, tenantId)).length >= WEBHOOKS_MAX) {
        throw new PegasusError('CONFLICT', `There are ${WEBHOOKS_MAX} webhooks already; delete one first.`);
      }
      const [inserted] = await tx
        .insert(webhooks)
        .values({ ...request, id, tenantId, secret: sealed, masterKeyId, createdByUserId: principalId })
        .returning();
      return inserted!;
    });
    return { ...toWebhook(row, clock()), secret };
  }

  async list({ tenantId }: Principal): Promise<Webhook[]> {
    const rows = await this.#inTenant(tenantId, (tx) => listWebhooks(tx, tenantId));
    return rows.map((row) => toWebhook(row, this.#services.clock()));
  }

  async get(principal: Principal, id: string): Promise<Webhook> {
    return toWebhook(await this.#find(principal, id), this.#services.clock());
  }

  /** Enabling forgets why the platform had disabled it. */
  async update(
    { tenantId }: Principal,
    id: string,
    request: Request<typeof updateWebhookRequestSchema>,
  ): Promise<Webhook> {
    const { settings, clock } = this.#services;
    if (request.url !== undefined) await checkDestination(request.url, settings.egress);
    const now = clock();
    const row = await this.#inTenant(tenantId, async (tx) => {
      const changed = await change(tx, tenantId, id, {
        ...request,
        ...(request.enabled === undefined ? {} : { disabledReason: null }),
        updatedAt: now,
      });
      refuseUnlessTold(changed);
      return changed;
    });
    return toWebhook(row, now);
  }

  async remove({ tenantId }: Principal, id: string): Promise<void> {
    await this.#inTenant(tenantId, async (tx) => {
      // Held, so that no outcome is written for it between the two deletions.
      required(await lockWebhook(tx, tenantId, id));
      await dropItems(tx, id);
      await tx.delete(webhooks).where(oneWebhook(tenantId, id));
    });
  }

  async rotate(
    { tenantId }: Principal,
    id: string,
    { overlapSeconds }: Request<typeof rotateWebhookSecretRequestSchema>,
  ): Promise<WebhookWithSecret> {
    const { vault, clock } = this.#services;
    const secret = newSigningSecret();
    return this.#inTenant(tenantId, async (tx) => {
      const row = required(await lockWebhook(tx, tenantId, id));
      const now = clock();
      const [current] = await signingSecrets(vault, row, now);
      const { sealed, masterKeyId } = await vault.seal(placeOf(row), secret);
      // Sealed anew, so that one master key is enough for both.
      const previous = await vault.seal(placeOf(row), current!);
      const changed = await change(tx, tenantId, id, {
        secret: sealed,
        previousSecret: previous.sealed,
        previousExpiresAt: new Date(now.getTime() + overlapSeconds * 1_000),
        masterKeyId,
        updatedAt: now,
      });
      return { ...toWebhook(changed, now), secret };
    });
  }

  /** One call, made now and recorded nowhere; also of a webhook that is disabled. */
  async test(principal: Principal, id: string): Promise<WebhookTest> {
    const { vault, clock, settings } = this.#services;
    const row = await this.#find(principal, id);
    const at = clock();
    const begun = performance.now();
    const message = { id: `test_${randomUUID()}`, at, body: testMessage(row.id, at) };
    const secrets = await signingSecrets(vault, row, at);
    const { delivered, responseStatus, error } = await sendMessage(
      row.url,
      message,
      secrets,
      settings.egress,
    );
    return { delivered, responseStatus, error, durationMs: Math.round(performance.now() - begun) };
  }

  async deliveries(
    { tenantId }: Principal,
    id: string,
    query: Request<typeof deliveriesQuerySchema>,
  ): Promise<WebhookDelivery[]> {
    const found = await this.#inTenant(tenantId, async (tx) => {
      required(await findWebhook(tx, tenantId, id));
      return listDeliveries(tx, id, query);
    });
    return found.map(toDelivery);
  }

  /** Throws CONFLICT for one that is on its way, and for a webhook that is disabled. */
  async redeliver({ tenantId }: Principal, id: string, deliveryId: string): Promise<WebhookDelivery> {
    const now = this.#services.clock();
    const again = await this.#inTenant(tenantId, async (tx) => {
      // The lock is what makes two of these calls one after the other.
      const webhook = required(await lockWebhook(tx, tenantId, id));
      const delivery = await findDelivery(tx, id, deliveryId);
      if (!delivery) throw new PegasusError('NOT_FOUND', 'This webhook has no such delivery.');
      if (!webhook.enabled) throw new PegasusError('CONFLICT', 'The webhook is disabled; enable it first.');
      if (delivery.row.status === 'PENDING') {
        throw new PegasusError('CONFLICT', 'This delivery is on its way already; nextAttemptAt says when.');
      }
      await enqueueAgain(tx, delivery.row, now);
      return findDelivery(tx, id, deliveryId);
    });
    this.#onEnqueued();
    return toDelivery(again!);
  }

  async #find({ tenantId }: Principal, id: string): Promise<WebhookRow> {
    return required(await this.#inTenant(tenantId, (tx) => findWebhook(tx, tenantId, id)));
  }

  #inTenant<T>(tenantId: string, work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.#services.db.tenant(tenantId, work);
  }
}

/** What is undefined stays as it is. */
type Changes = { [K in keyof WebhookRow]?: WebhookRow[K] | undefined };

async function change(tx: Tx, tenantId: string, id: string, columns: Changes): Promise<WebhookRow> {
  const [row] = await tx.update(webhooks).set(columns).where(oneWebhook(tenantId, id)).returning();
  return required(row);
}

/** A webhook that is never told anything was meant to be something else. */
function refuseUnlessTold({
  statuses,
  events = [],
}: {
  statuses: unknown[];
  events?: unknown[] | undefined;
}) {
  if (statuses.length > 0 || events.length > 0) return;
  throw new PegasusError(
    'VALIDATION_ERROR',
    'statuses: must name at least one status, or events at least one event.',
  );
}

function required(row: WebhookRow | undefined): WebhookRow {
  if (!row) throw notFound();
  return row;
}

function notFound(): PegasusError {
  return new PegasusError('NOT_FOUND', 'There is no such webhook.');
}
